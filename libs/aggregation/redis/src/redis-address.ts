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

/** Refuses a URL. The text of the URL may contain a password, so the reason repeats nothing of it. */
function refuse(reason: string): never {
  throw new PulsesError('CONFIG_INVALID', `--redis-url: the address is not valid: ${reason}`);
}

/**
 * Parses `redis://[user[:password]@]host[:port][/db]`, or `rediss://…` for TLS.
 * @throws PulsesError CONFIG_INVALID, without the URL, which may contain a password
 */
export function parseRedisUrl(text: string): RedisAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isRedis = url !== undefined && ['redis:', 'rediss:'].includes(url.protocol) && url.hostname !== '';
  if (!isRedis || url.port === '0') refuse('redis://host:port/db, or rediss:// for TLS');
  // An unescaped # or ? of a password also ends up here.
  if (/[?#]/.test(text)) refuse('without ? and #; the database is the path, as in redis://host:port/2');
  const db = /^\/?(\d{0,4})$/.exec(url.pathname)?.[1] ?? refuse('the database is a number, as in redis://host:port/2');
  return {
    // A URL has IPv6 addresses in brackets.
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? PORT_DEFAULT : Number(url.port),
    db: Number(db),
    ...(url.username === '' ? {} : { username: unescaped(url.username) }),
    ...(url.password === '' ? {} : { password: unescaped(url.password) }),
    ...(url.protocol === 'rediss:' ? { tls: {} } : {}),
  };
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return refuse('a % in the user or password is written %25');
  }
}
