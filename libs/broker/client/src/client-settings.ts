// The settings of every program that connects to a broker.

import { checkTopicName, GROUP_NAME_BYTES_MAX, TOPIC_NAME_BYTES_MAX } from '@pulses/broker-wire';
import {
  booleanSetting,
  customSetting,
  hostSetting,
  integerKind,
  isLoopback,
  optional,
  readPemFile,
  textKind,
  tokenSetting,
  type SettingKind,
  type SettingsOf,
} from '@pulses/shared-settings';
import { z } from 'zod';
import type { BrokerAddress } from './broker-client';

/** One byte separates group and source. */
const GROUP_BYTES_MAX = GROUP_NAME_BYTES_MAX - TOPIC_NAME_BYTES_MAX - 1;

/** A topic name that the broker accepts, also with `suffix` appended. */
export function topicKind(suffix = ''): SettingKind<string> {
  const bytesMax = TOPIC_NAME_BYTES_MAX - Buffer.byteLength(suffix);
  return {
    type: 'topic',
    allowed: `1 to ${bytesMax} bytes of UTF-8 without control characters`,
    schema: z.string().refine((name) => name !== '' && isTopicName(name + suffix)),
  };
}

function isTopicName(name: string): boolean {
  try {
    checkTopicName(name);
    return true;
  } catch {
    return false;
  }
}

/** A name of a consumer group that the broker accepts, also with the source appended. */
export const groupKind: SettingKind<string> = {
  type: 'name',
  allowed: `1 to ${GROUP_BYTES_MAX} bytes without control characters`,
  schema: z
    .string()
    .refine((name) => name !== '' && Buffer.byteLength(name) <= GROUP_BYTES_MAX && !/\p{Cc}/u.test(name)),
};

export const brokerClientSettings = {
  host: hostSetting({ flag: 'host', default: '127.0.0.1', description: 'Host of the broker.' }),
  port: customSetting(
    { ...integerKind({ min: 1, max: 65_535 }), type: 'port' },
    {
      flag: 'port',
      default: '9000',
      description: 'Port of the broker.',
    },
  ),
  authToken: tokenSetting({
    flag: 'auth-token',
    description: 'Token to show to the broker.',
    warning: ({ authToken, host, tls, tlsCaFile }) =>
      authToken === undefined || tls === true || tlsCaFile !== undefined || isLoopback(String(host))
        ? undefined
        : `--auth-token: the token is sent to ${String(host)} in plain text; use --tls or --tls-ca-file`,
  }),
  tls: booleanSetting({ flag: 'tls', description: 'Connect with TLS.' }),
  tlsCaFile: optional(textKind, {
    flag: 'tls-ca-file',
    description: 'PEM file of certificates to trust; turns TLS on.',
  }),
};

/** The address that the settings name. @throws PulsesError CONFIG_INVALID when --tls-ca-file can't be read */
export async function brokerAddressOf(settings: SettingsOf<typeof brokerClientSettings>): Promise<BrokerAddress> {
  const { host, port, authToken, tls, tlsCaFile } = settings;
  const caPem = tlsCaFile === undefined ? undefined : await readPemFile('tls-ca-file', tlsCaFile, 'certificates');
  return {
    host,
    port,
    ...(authToken === undefined ? {} : { token: authToken }),
    ...(tls || caPem !== undefined ? { tls: caPem === undefined ? {} : { caPem } } : {}),
  };
}
