// How to connect and who connects: TLS and SASL, from the settings and the files that they name.
//
// Guarantees: an incomplete or unreadable setting is refused with the name of its flag. Secrets come only from the
// settings and their files, and reach no message.

import { PulsesError } from '@pulses/shared-errors';
import { readPemFile, type PemContent } from '@pulses/shared-settings';
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { usesTls, type KafkaSettings } from '../settings';

/** What a connection needs. Texts are PEM. */
export interface KafkaSecurity {
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly sasl?: { readonly mechanism: SaslMechanism; readonly username: string; readonly password: string };
}

export type SaslMechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';

type SecuritySettings = Pick<
  KafkaSettings,
  | 'kafkaTls'
  | 'kafkaTlsCaFile'
  | 'kafkaTlsCertFile'
  | 'kafkaTlsKeyFile'
  | 'kafkaSaslMechanism'
  | 'kafkaUsername'
  | 'kafkaPassword'
>;

const MECHANISMS = {
  plain: 'PLAIN',
  'scram-sha-256': 'SCRAM-SHA-256',
  'scram-sha-512': 'SCRAM-SHA-512',
} as const satisfies Readonly<Record<string, SaslMechanism>>;

/** Reads the files that the settings name. @throws PulsesError CONFIG_INVALID */
export async function securityOf(settings: SecuritySettings): Promise<KafkaSecurity> {
  const [tls, sasl] = [await tlsOf(settings), saslOf(settings)];
  return { ...(tls === undefined ? {} : { tls }), ...(sasl === undefined ? {} : { sasl }) };
}

function saslOf({ kafkaSaslMechanism, kafkaUsername, kafkaPassword }: SecuritySettings): KafkaSecurity['sasl'] {
  if (kafkaSaslMechanism === undefined) {
    if (kafkaUsername !== undefined) throw missing('kafka-sasl-mechanism', 'kafka-username');
    if (kafkaPassword !== undefined) throw missing('kafka-sasl-mechanism', 'kafka-password');
    return undefined;
  }
  if (kafkaUsername === undefined) throw missing('kafka-username', 'kafka-sasl-mechanism');
  if (kafkaPassword === undefined) throw missing('kafka-password-file', 'kafka-sasl-mechanism');
  return { mechanism: MECHANISMS[kafkaSaslMechanism], username: kafkaUsername, password: kafkaPassword };
}

async function tlsOf(settings: SecuritySettings): Promise<KafkaSecurity['tls']> {
  const { kafkaTlsCaFile: caFile, kafkaTlsCertFile: certFile, kafkaTlsKeyFile: keyFile } = settings;
  if (keyFile !== undefined && certFile === undefined) throw missing('kafka-tls-cert-file', 'kafka-tls-key-file');
  if (certFile !== undefined && keyFile === undefined) throw missing('kafka-tls-key-file', 'kafka-tls-cert-file');
  if (!usesTls(settings)) return undefined;
  const ca = await pemOf('kafka-tls-ca-file', caFile, 'certificates');
  const cert = await pemOf('kafka-tls-cert-file', certFile, 'certificates');
  const key = await pemOf('kafka-tls-key-file', keyFile, 'a private key without password');
  if (cert !== undefined && key !== undefined && !new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)))
    throw new PulsesError(
      'CONFIG_INVALID',
      `--kafka-tls-key-file: '${keyFile}' is not the key of --kafka-tls-cert-file`,
    );
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

function missing(needed: string, given: string): PulsesError {
  return new PulsesError('CONFIG_INVALID', `--${needed}: a value is needed together with --${given}`);
}

/** The file, if the setting names one. */
function pemOf(flag: string, path: string | undefined, content: PemContent): Promise<string> | undefined {
  return path === undefined ? undefined : readPemFile(flag, path, content);
}
