// The settings of every program that connects to a broker, and what they come to.

import { PulsesError } from '@pulses/shared-errors';
import {
  booleanSetting,
  optional,
  portSetting,
  secretSetting,
  textKind,
  textSetting,
  type SettingsOf,
} from '@pulses/shared-service-host';
import { readFile } from 'node:fs/promises';
import type { BrokerAddress } from './broker-client';

export const brokerClientSettings = {
  host: textSetting({ flag: 'host', default: '127.0.0.1', description: 'Host of the broker.' }),
  port: portSetting({ flag: 'port', default: '9000', description: 'Port of the broker.' }),
  authToken: secretSetting({ flag: 'auth-token', description: 'Token to show to the broker.' }),
  tls: booleanSetting({ flag: 'tls', description: 'Connect with TLS.' }),
  tlsCaFile: optional(textKind, { flag: 'tls-ca-file', description: 'PEM file of certificates to trust; turns TLS on.' }),
};

/** Where to connect, and how. @throws PulsesError CONFIG_INVALID when --tls-ca-file can't be read */
export async function brokerAddressOf(settings: SettingsOf<typeof brokerClientSettings>): Promise<BrokerAddress> {
  const { host, port, authToken, tls, tlsCaFile } = settings;
  const caPem = tlsCaFile === undefined ? undefined : await readCertificates(tlsCaFile);
  return {
    host,
    port,
    ...(authToken === undefined ? {} : { token: authToken }),
    ...(tls || caPem !== undefined ? { tls: caPem === undefined ? {} : { caPem } } : {}),
  };
}

async function readCertificates(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code = 'unreadable' } = error as NodeJS.ErrnoException;
    throw new PulsesError('CONFIG_INVALID', `--tls-ca-file: '${path}' is not valid: a file that can be read (${code})`);
  }
}
