// The settings of the NATS connector. They have no effect with another --connector.

import {
  customSetting,
  hostOf,
  httpAddressKind,
  isLoopback,
  optional,
  secretSetting,
  textKind,
  type SettingKind,
  type SettingsOf,
} from '@pulses/shared-settings';
import { z } from 'zod';

const SERVERS_MAX = 100;
const SERVER = /^(?:(nats|tls):\/\/)?(\[[^\]]*\]|[^[\]:/@]+)(?::(\d{1,5}))?\/?$/;
const PORT_DEFAULT = 4222;
const PORT_MAX = 65_535;

/** A server of NATS. */
export interface NatsAddress {
  /** As the client takes it: `host:port`, an IPv6 address in brackets. */
  readonly authority: string;
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

/** Servers of one cluster, separated by commas. A user and a password in the URL are refused: they would be seen. */
const natsUrlKind: SettingKind<readonly NatsAddress[]> = {
  type: 'url,…',
  allowed: `1 to ${SERVERS_MAX} URLs nats://host:port or tls://host:port, separated by commas, without user and password`,
  schema: z
    .string()
    .transform((text) => text.split(',').map(readServer))
    .refine((servers): servers is NatsAddress[] => servers.length <= SERVERS_MAX && !servers.includes(undefined)),
};

function readServer(text: string): NatsAddress | undefined {
  const match = SERVER.exec(text.trim());
  if (match === null) return undefined;
  const [, scheme, hostText = '', portText = String(PORT_DEFAULT)] = match;
  const [host, port] = [hostOf(hostText), Number(portText)];
  if (host === undefined || port < 1 || port > PORT_MAX) return undefined;
  return { authority: `${host.includes(':') ? `[${host}]` : host}:${port}`, host, port, tls: scheme === 'tls' };
}

export const natsSettings = {
  natsUrl: customSetting(natsUrlKind, {
    flag: 'nats-url',
    default: `nats://127.0.0.1:${PORT_DEFAULT}`,
    description: 'Servers that --connector nats asks, in any order. tls:// turns TLS on.',
  }),
  natsCredsFile: optional(textKind, {
    flag: 'nats-creds-file',
    description: 'File with a JWT and its NKey seed, as nsc writes it.',
  }),
  natsNkeyFile: optional(textKind, { flag: 'nats-nkey-file', description: 'File with the NKey seed of a user.' }),
  natsUser: optional(textKind, { flag: 'nats-user', description: 'User of --nats-password.' }),
  natsPassword: {
    ...secretSetting({ flag: 'nats-password', description: 'Password of --nats-user.' }),
    warning: plainTextWarning('natsPassword', 'nats-password', 'password'),
  },
  natsToken: {
    ...secretSetting({ flag: 'nats-token', description: 'Token to show to NATS.' }),
    warning: plainTextWarning('natsToken', 'nats-token', 'token'),
  },
  natsTlsCaFile: optional(textKind, {
    flag: 'nats-tls-ca-file',
    description: 'PEM file of certificates to trust for NATS; turns TLS on.',
  }),
  natsTlsCertFile: optional(textKind, {
    flag: 'nats-tls-cert-file',
    description: 'PEM file of the certificate to show to NATS; turns TLS on.',
  }),
  natsTlsKeyFile: optional(textKind, {
    flag: 'nats-tls-key-file',
    description: 'PEM file of its private key, not encrypted.',
  }),
  natsMonitorAddress: optional(httpAddressKind, {
    flag: 'nats-monitor-address',
    description: "Address of the server's HTTP monitoring. The ingestor reads there whether sync_interval is always.",
  }),
};

export type NatsSettings = SettingsOf<typeof natsSettings>;

/** The servers, for people. */
export function serversText(servers: readonly NatsAddress[]): string {
  return servers.map(({ authority, tls }) => `${tls ? 'tls' : 'nats'}://${authority}`).join(',');
}

function plainTextWarning(key: string, flag: string, what: string) {
  return (values: Readonly<Record<string, unknown>>): string | undefined => {
    const servers = values['natsUrl'] as readonly NatsAddress[];
    const isTls = values['natsTlsCaFile'] !== undefined || values['natsTlsCertFile'] !== undefined;
    const open = servers.find(({ host, tls }) => !tls && !isLoopback(host));
    if (values[key] === undefined || isTls || open === undefined) return undefined;
    return `--${flag}: the ${what} is sent to ${open.host} in plain text; use tls:// or --nats-tls-ca-file`;
  };
}
