// How to connect and who connects: TLS and SASL, from the settings and the files that they name.
//
// Guarantees: an incomplete or unreadable setting is refused with the name of its flag. Secrets come only from the
// settings and their files, and reach no message.

import { PulsesError } from '@pulses/shared-errors';
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
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
  const ca = await readPem('kafka-tls-ca-file', caFile, CERTIFICATES);
  const cert = await readPem('kafka-tls-cert-file', certFile, CERTIFICATES);
  const key = await readPem('kafka-tls-key-file', keyFile, PRIVATE_KEY);
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

interface PemContent {
  readonly allowed: string;
  /** Throws when the text is none. */
  parse(pem: string): unknown;
}

const CERTIFICATES: PemContent = { allowed: 'a PEM file of certificates', parse: (pem) => new X509Certificate(pem) };
const PRIVATE_KEY: PemContent = { allowed: 'a PEM file of a private key without password', parse: createPrivateKey };

async function readPem(flag: string, path: string | undefined, content: PemContent): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const refused = (allowed: string) =>
    new PulsesError('CONFIG_INVALID', `--${flag}: '${path}' is not valid: ${allowed}`);
  let pem: string;
  try {
    pem = await readFile(path, 'utf8');
  } catch (error) {
    const { code = 'unreadable' } = error as NodeJS.ErrnoException;
    throw refused(`a file that can be read (${code})`);
  }
  // TLS ignores any other text, and then trusts or shows nothing.
  try {
    content.parse(pem);
  } catch {
    throw refused(content.allowed);
  }
  return pem;
}
