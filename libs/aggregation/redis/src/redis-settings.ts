// The settings of the Redis engine, and the address that they specify.

import { PulsesError } from '@pulses/shared-errors';
import {
  customSetting,
  optional,
  secretSetting,
  textKind,
  textSetting,
  type SettingsOf,
} from '@pulses/shared-settings';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { parseRedisUrl, type RedisAddress } from './redis-address';

export const redisSettings = {
  redisUrl: textSetting({
    flag: 'redis-url',
    default: 'redis://127.0.0.1:6379',
    description:
      'Address of the Redis of --engine redis: redis://host:port/db, or rediss:// for TLS. Any node of a cluster.',
  }),
  redisPrefix: customSetting(
    {
      type: 'text',
      allowed: '1 to 64 letters, digits and the characters . _ : -',
      schema: z.string().regex(/^[\w.:-]{1,64}$/),
    },
    { flag: 'redis-prefix', default: 'pulses', description: 'Starts the name of every key in Redis.' },
  ),
  redisUser: optional(textKind, { flag: 'redis-user', description: 'User of the access list of Redis.' }),
  redisPassword: secretSetting({ flag: 'redis-password', description: 'Password of Redis.' }),
  redisTlsCaFile: optional(textKind, {
    flag: 'redis-tls-ca-file',
    description: 'PEM file of certificates to trust for Redis; turns TLS on.',
  }),
};

/** The address to connect to. @throws PulsesError CONFIG_INVALID for an invalid URL or an unreadable file */
export async function redisAddressOf(settings: SettingsOf<typeof redisSettings>): Promise<RedisAddress> {
  const { redisUrl, redisUser, redisPassword, redisTlsCaFile } = settings;
  const tls = redisTlsCaFile === undefined ? {} : { tls: { caPem: await readCertificates(redisTlsCaFile) } };
  return {
    ...parseRedisUrl(redisUrl),
    ...(redisUser === undefined ? {} : { username: redisUser }),
    ...(redisPassword === undefined ? {} : { password: redisPassword }),
    ...tls,
  };
}

async function readCertificates(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code = 'unreadable' } = error as NodeJS.ErrnoException;
    throw new PulsesError(
      'CONFIG_INVALID',
      `--redis-tls-ca-file: '${path}' is not valid: a file that can be read (${code})`,
    );
  }
}
