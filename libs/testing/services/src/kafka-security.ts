// Certificates, users and listeners of a Kafka for tests. Every secret is made for one start and leaves with its directory.

import { execFile } from 'node:child_process';
import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export type KafkaListener = 'PLAINTEXT' | 'SASL_PLAINTEXT' | 'SSL' | 'SASL_SSL';
type KafkaMechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
const MECHANISMS: readonly KafkaMechanism[] = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'];
/** By the numbers of KIP-554. */
const SCRAM_DIGESTS = [
  { mechanism: 1, digest: 'sha256', bytes: 32 },
  { mechanism: 2, digest: 'sha512', bytes: 64 },
] as const;
/** The least that Kafka takes. */
const ITERATIONS = 4096;

export interface KafkaUser {
  readonly name: string;
  readonly password: string;
}

/** Paths of PEM files. */
export interface KafkaCertificates {
  /** The authority that signed the server's certificate and the client's. */
  readonly caPath: string;
  /** A client certificate, for listeners that ask for one: its name is `CN=client`. */
  readonly clientCertificatePath: string;
  readonly clientKeyPath: string;
  /** Certificate and key of the server in one file. */
  readonly serverPath: string;
  /** An authority that signed nothing here. */
  readonly otherCaPath: string;
}

/** A user with a new password. */
export const freshUser = (name: string): KafkaUser => ({ name, password: randomBytes(12).toString('hex') });

/** @throws Error when the `openssl` program is missing, since Node can't sign certificates */
export async function makeCertificates(directory: string): Promise<KafkaCertificates> {
  const place = (name: string) => join(directory, name);
  try {
    await makeAuthority(place('ca'), 'Test authority');
    await makeAuthority(place('other-ca'), 'Other authority');
    await makeSigned(place('server'), place('ca'), '/CN=localhost', 'subjectAltName=IP:127.0.0.1,DNS:localhost');
    await makeSigned(place('client'), place('ca'), '/CN=client', 'extendedKeyUsage=clientAuth');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new Error('the TLS tests need the openssl program on the PATH', { cause: error });
  }
  const [key, certificate] = await Promise.all(
    ['server.key', 'server.pem'].map((name) => readFile(place(name), 'utf8')),
  );
  await writeFile(place('server-both.pem'), `${key ?? ''}${certificate ?? ''}`, { mode: 0o600 });
  return {
    caPath: place('ca.pem'),
    otherCaPath: place('other-ca.pem'),
    clientCertificatePath: place('client.pem'),
    clientKeyPath: place('client.key'),
    serverPath: place('server-both.pem'),
  };
}

/** The node's properties for its listeners with TLS or users. */
export function securityProperties(
  listeners: readonly KafkaListener[],
  users: readonly KafkaUser[],
  certificates: KafkaCertificates | undefined,
): Record<string, string> {
  const properties: Record<string, string> = {};
  if (certificates !== undefined)
    Object.assign(properties, {
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.location': certificates.serverPath,
      'ssl.truststore.type': 'PEM',
      'ssl.truststore.location': certificates.caPath,
    });
  for (const listener of listeners.filter((name) => name.startsWith('SASL'))) {
    const prefix = `listener.name.${listener.toLowerCase()}`;
    properties[`${prefix}.sasl.enabled.mechanisms`] = MECHANISMS.join(',');
    const known = users.map(({ name, password }) => `user_${name}="${password}"`).join(' ');
    properties[`${prefix}.plain.sasl.jaas.config`] =
      `org.apache.kafka.common.security.plain.PlainLoginModule required ${known};`;
    for (const mechanism of ['scram-sha-256', 'scram-sha-512'])
      properties[`${prefix}.${mechanism}.sasl.jaas.config`] =
        'org.apache.kafka.common.security.scram.ScramLoginModule required;';
  }
  return properties;
}

/** Makes the users known for SCRAM. PLAIN takes them from the node's properties. */
export async function addScramUsers(brokers: string, users: readonly KafkaUser[]): Promise<void> {
  const { Connection, alterUserScramCredentialsV0 } = await import('@platformatic/kafka');
  const [host = '', port = ''] = brokers.split(':');
  const connection = new Connection('test');
  await connection.connect(host, Number(port));
  try {
    // A request may name a user once.
    for (const { mechanism, digest, bytes } of SCRAM_DIGESTS) {
      const credentials = users.map(({ name, password }) => {
        const salt = randomBytes(16);
        const saltedPassword = pbkdf2Sync(password, salt, ITERATIONS, bytes, digest);
        return { name, mechanism, iterations: ITERATIONS, salt, saltedPassword };
      });
      await alterUserScramCredentialsV0.api.async(connection, [], credentials);
    }
  } finally {
    await connection.close();
  }
}

async function makeAuthority(path: string, name: string): Promise<void> {
  await run('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-subj', `/CN=${name}`, '-keyout', `${path}.key`, '-out', `${path}.pem`],
  ]);
}

async function makeSigned(path: string, authority: string, subject: string, extension: string): Promise<void> {
  await run('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-CA', `${authority}.pem`, '-CAkey', `${authority}.key`, '-subj', subject],
    ...['-addext', 'basicConstraints=critical,CA:FALSE', '-addext', extension],
    ...['-keyout', `${path}.key`, '-out', `${path}.pem`],
  ]);
}
