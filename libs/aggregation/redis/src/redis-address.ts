// The address of a Redis server.

import { PulsesError } from '@pulses/shared-errors';

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  /** Index of the database; 0 on a cluster. */
  readonly db: number;
  /** User of the access list. Default: Redis's default user. */
  readonly username?: string;
  readonly password?: string;
  /** Enables TLS. */
  readonly tls?: { readonly caPem?: string };
}

const PORT_DEFAULT = 6379;

/**
 * Parses `redis://[user[:password]@]host[:port][/db]`, or `rediss://…` for TLS.
 * @throws PulsesError CONFIG_INVALID, without the URL, which may contain a password
 */
export function parseRedisUrl(text: string): RedisAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const db = url === undefined ? undefined : /^\/?(\d{0,4})$/.exec(url.pathname)?.[1];
  if (url === undefined || !['redis:', 'rediss:'].includes(url.protocol) || url.hostname === '' || db === undefined)
    throw new PulsesError(
      'CONFIG_INVALID',
      '--redis-url: the address is not valid: redis://host:port/db, or rediss:// for TLS',
    );
  return {
    // A URL has IPv6 addresses in brackets.
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? PORT_DEFAULT : Number(url.port),
    db: Number(db),
    ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
    ...(url.protocol === 'rediss:' ? { tls: {} } : {}),
  };
}
