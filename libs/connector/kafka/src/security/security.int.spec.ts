// Each way in, and each refusal, of a real secured server.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { nodeClock, nodeRandom } from '@pulses/shared-node-platform';
import { parseSettings } from '@pulses/shared-settings';
import { makeTempDirectory, type TempDirectory } from '@pulses/testing-processes';
import {
  freshUser,
  kafkaRights,
  startKafka,
  type KafkaCertificates,
  type KafkaListener,
  type KafkaRights,
  type KafkaServer,
} from '@pulses/testing-services';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createJoinGroup } from '../group/join-group';
import { initProducerId } from '../protocol/transaction-requests';
import type { BrokerCluster } from '../protocol/broker-cluster';
import { kafkaSettings, topicsOf } from '../settings';
import { connectTestCluster } from '../testing/test-cluster';
import { prepareTopics } from '../topics/prepare-topics';
import { createDial } from './dial';
import { securityOf } from './security';
import { SecuritySource } from './security-source';

const LIMIT_MS = 240_000;
const alice = freshUser('alice');

let directory: TempDirectory;
let server: KafkaServer;
let mutual: KafkaServer;
let certificates: KafkaCertificates;
let passwordFile: string;
let wrongFile: string;

beforeAll(async () => {
  directory = await makeTempDirectory();
  [passwordFile, wrongFile] = ['right', 'wrong'].map((name) => join(directory.path, name)) as [string, string];
  await writeFile(passwordFile, `${alice.password}\n`);
  await writeFile(wrongFile, 'hunter2-hunter2');
  const listeners = ['SASL_PLAINTEXT', 'SSL', 'SASL_SSL'] as const;
  server = await startKafka({ listeners, users: [alice], acls: true });
  mutual = await startKafka({ listeners: ['SSL'], clientCertificates: true });
  certificates = server.certificates!; // it has TLS listeners
}, LIMIT_MS);
afterAll(async () => {
  await Promise.all([server.stop(), mutual.stop()]);
  await directory.remove();
});

function settingsOf(argv: readonly string[]) {
  return parseSettings(kafkaSettings, { argv, env: {}, readFile }).values;
}

function readFile(path: string): string {
  return path === passwordFile ? `${alice.password}\n` : 'hunter2-hunter2';
}

/** Connects as the flags say. */
async function connect(brokers: string, argv: readonly string[]): Promise<void> {
  const settings = settingsOf([`--kafka-brokers=${brokers}`, ...argv]);
  const security = await securityOf(settings);
  const dial = createDial({
    security: new SecuritySource(security, () => Promise.resolve(security)),
    clock: nodeClock,
    clientId: 'test',
    connectTimeoutMs: 5_000,
    requestTimeoutMs: 5_000,
  });
  const connection = await dial(settings.kafkaBrokers[0]!); // one is given
  await connection.close();
}

const user = (mechanism: string, file = () => passwordFile) => [
  `--kafka-sasl-mechanism=${mechanism}`,
  '--kafka-username=alice',
  `--kafka-password-file=${file()}`,
];
const trust = () => `--kafka-tls-ca-file=${certificates.caPath}`;

describe('the way in to Kafka', () => {
  it.each<[string, KafkaListener, () => string[]]>([
    ['in plain text', 'PLAINTEXT', () => []],
    ['with TLS', 'SSL', () => [trust()]],
    ['by PLAIN', 'SASL_PLAINTEXT', () => user('plain')],
    ['by SCRAM-SHA-256', 'SASL_PLAINTEXT', () => user('scram-sha-256')],
    ['by SCRAM-SHA-512', 'SASL_PLAINTEXT', () => user('scram-sha-512')],
    ['by PLAIN with TLS', 'SASL_SSL', () => [trust(), ...user('plain')]],
    ['by SCRAM-SHA-512 with TLS', 'SASL_SSL', () => [trust(), ...user('scram-sha-512')]],
  ])('opens %s', async (_, listener, argv) => {
    await connect(server.brokersOf(listener), argv());
  });

  it('opens with a certificate of the client', async () => {
    const { caPath, clientCertificatePath, clientKeyPath } = mutual.certificates!; // it has a TLS listener
    await connect(mutual.brokersOf('SSL'), [
      `--kafka-tls-ca-file=${caPath}`,
      `--kafka-tls-cert-file=${clientCertificatePath}`,
      `--kafka-tls-key-file=${clientKeyPath}`,
    ]);
    await expect(connect(mutual.brokersOf('SSL'), [`--kafka-tls-ca-file=${caPath}`])).rejects.toMatchObject({
      code: 'ACCESS_REFUSED',
      message: expect.stringMatching(/^--kafka-tls-cert-file: .* asks for a certificate of the client/),
    });
  });

  it.each<[string, KafkaListener, () => string[], RegExp]>([
    [
      'a wrong password by PLAIN',
      'SASL_PLAINTEXT',
      () => user('plain', () => wrongFile),
      /^--kafka-username, --kafka-password-file: .* refuses the password of 'alice' \(PLAIN\)$/,
    ],
    [
      'a wrong password by SCRAM',
      'SASL_PLAINTEXT',
      () => user('scram-sha-256', () => wrongFile),
      /^--kafka-username, --kafka-password-file: .* refuses the password of 'alice' \(SCRAM-SHA-256\)$/,
    ],
    ['SASL where none is asked for', 'PLAINTEXT', () => user('plain'), /^--kafka-sasl-mechanism: .* asks for no SASL/],
    ['TLS where none is', 'PLAINTEXT', () => ['--kafka-tls'], /^--kafka-tls: .* does not answer with TLS$/],
    ['plain text at a port of TLS', 'SSL', () => [], /^--kafka-tls: .* asks for TLS/],
    [
      'an authority that is not trusted',
      'SSL',
      () => [`--kafka-tls-ca-file=${certificates.otherCaPath}`],
      /^--kafka-tls-ca-file: the certificate of .* is not trusted/,
    ],
  ])('is refused for %s, with the setting', async (_, listener, argv, message) => {
    const refusal = connect(server.brokersOf(listener), argv());
    await expect(refusal).rejects.toMatchObject({ code: 'ACCESS_REFUSED', message: expect.stringMatching(message) });
    await expect(refusal).rejects.not.toMatchObject({ message: expect.stringContaining('hunter2') });
  });

  it('tells that SASL may be asked for', async () => {
    await expect(connect(server.brokersOf('SASL_PLAINTEXT'), [])).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      message: expect.stringMatching(/closed the connection at its start; it may ask for --kafka-sasl-mechanism$/),
    });
  });

  it('names a broker that is not there', async () => {
    await expect(connect('127.0.0.1:1', [])).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      message: "--kafka-brokers: 127.0.0.1:1 can't be reached (ECONNREFUSED)",
    });
  });

  it.each<[() => string[], RegExp]>([
    [() => ['--kafka-username=alice'], /^--kafka-sasl-mechanism: a value is needed together with --kafka-username$/],
    [() => ['--kafka-sasl-mechanism=plain'], /^--kafka-username: a value is needed/],
    [() => ['--kafka-sasl-mechanism=plain', '--kafka-username=a'], /^--kafka-password-file: a value is needed/],
    [() => [`--kafka-tls-cert-file=${certificates.caPath}`], /^--kafka-tls-key-file: a value is needed/],
    [() => [`--kafka-tls-key-file=${certificates.clientKeyPath}`], /^--kafka-tls-cert-file: a value is needed/],
    [() => ['--kafka-tls-ca-file=/nowhere'], /^--kafka-tls-ca-file: '\/nowhere' is not valid: .* \(ENOENT\)$/],
    [() => [`--kafka-tls-ca-file=${wrongFile}`], /^--kafka-tls-ca-file: .* a PEM file of certificates$/],
    [
      () => [`--kafka-tls-cert-file=${certificates.caPath}`, `--kafka-tls-key-file=${certificates.clientKeyPath}`],
      /^--kafka-tls-key-file: .* is not the key of --kafka-tls-cert-file$/,
    ],
  ])('is refused before it connects, case %#', async (argv, message) => {
    await expect(connect('127.0.0.1:1', argv())).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(message),
    });
  });

  it('uses a password that was replaced in its file', async () => {
    const settings = settingsOf(['--kafka-brokers=127.0.0.1:1', ...user('plain', () => wrongFile)]);
    let given = settings;
    const source = new SecuritySource(await securityOf(settings), () => securityOf(given));
    const dial = createDial({
      security: source,
      clock: nodeClock,
      clientId: 'test',
      connectTimeoutMs: 5_000,
      requestTimeoutMs: 5_000,
    });
    const [host = '', port = ''] = server.brokersOf('SASL_PLAINTEXT').split(':');
    await expect(dial({ host, port: Number(port) })).rejects.toMatchObject({ code: 'ACCESS_REFUSED' });
    given = { ...settings, kafkaPassword: alice.password };
    await (await dial({ host, port: Number(port) })).close();
  });
});

describe('the rights on Kafka', () => {
  let admin: BrokerCluster;
  let client: BrokerCluster;
  let rights: KafkaRights;
  const { signal } = new AbortController();

  beforeAll(async () => {
    rights = await kafkaRights(server.brokers);
    admin = connectTestCluster(server.brokers);
    client = connectTestCluster(server.brokersOf('SASL_PLAINTEXT'), {
      sasl: { mechanism: 'PLAIN', username: alice.name, password: alice.password },
    });
  });
  afterAll(async () => {
    await Promise.all([admin.close(), client.close(), rights.close()]);
  });
  const grant = (...right: [Parameters<KafkaRights['grant']>[1], string, Parameters<KafkaRights['grant']>[3]]) =>
    rights.grant(alice.name, ...right);

  const denied = (what: string, right: string) => ({
    code: 'ACCESS_REFUSED',
    message: expect.stringMatching(
      new RegExp(`${what}: Kafka grants 'alice' no ${right}; 'kafka-acls.sh .* grants it$`),
    ),
  });

  it(
    'are asked for by topic, group and transactional id, each with the command that grants it',
    async () => {
      const topics = topicsOf('s', settingsOf([]));
      const options = {
        clock: nodeClock,
        shape: { partitions: 1, replication: 1, retentionMs: undefined },
        creates: true,
      };
      const prepare = (cluster: BrokerCluster, name: string | undefined) =>
        prepareTopics(cluster, topics, { ...options, asker: { brokers: 'h:1', user: name } }, signal);
      const { source } = await prepare(admin, undefined);

      await expect(prepare(client, 'alice')).rejects.toMatchObject(
        denied('the topic s', 'Describe and Read and Write'),
      );
      await grant('TOPIC', 's', ['READ']);
      await expect(prepare(client, 'alice')).rejects.toMatchObject(denied('the topic s', 'Write'));
      await grant('TOPIC', 's', ['WRITE']);
      for (const output of [topics.grouped, topics.aggregated, topics.deadLetter]) {
        await expect(prepare(client, 'alice')).rejects.toMatchObject(
          denied(`the topic ${output}`, 'Describe and Write'),
        );
        await grant('TOPIC', output, ['WRITE']);
      }
      for (const topic of [source.name, topics.grouped, topics.aggregated, topics.deadLetter]) {
        await expect(prepare(client, 'alice')).rejects.toMatchObject(denied(`the topic ${topic}`, 'DescribeConfigs'));
        await grant('TOPIC', topic, ['DESCRIBE_CONFIGS']);
      }
      expect((await prepare(client, 'alice')).source).toEqual(source);

      const join = (protocol: 'consumer' | 'classic') =>
        createJoinGroup(protocol)({
          cluster: client,
          clock: nodeClock,
          random: nodeRandom,
          group: 'g',
          topic: 's',
          topicId: source.topicId,
          partitionCount: 1,
          member: 'test',
          sessionTimeoutMs: 6_000,
          signal,
          events: { onAssigned: () => undefined, onRevoked: () => Promise.resolve(), onLost: () => undefined },
        });
      const refusal = denied('the group g', 'Read');
      for (const protocol of ['consumer', 'classic'] as const) {
        await expect(join(protocol)).rejects.toMatchObject(refusal);
      }
      await grant('GROUP', 'g', ['DESCRIBE']);
      await expect(join('consumer')).rejects.toMatchObject(refusal);
      await grant('GROUP', 'g', ['READ']);
      for (const protocol of ['consumer', 'classic'] as const) await (await join(protocol)).close();

      const identify = () => client.toCoordinator('transaction', 't', initProducerId('t', 10_000));
      await expect(identify()).rejects.toMatchObject(denied('the transactional id t', 'Write'));
      await grant('TRANSACTIONAL_ID', 't', ['WRITE']);
      await identify();
    },
    LIMIT_MS,
  );

  it('are asked for before a topic is created', async () => {
    const topics = topicsOf('other', settingsOf([]));
    const shape = { partitions: 1, replication: 1, retentionMs: undefined };
    const asker = { brokers: 'h:1', user: 'alice' };
    await grant('TOPIC', 'other', ['DESCRIBE', 'READ', 'WRITE']);
    await grant('TOPIC', topics.deadLetter, ['DESCRIBE', 'WRITE']);
    await expect(
      prepareTopics(client, topics, { clock: nodeClock, asker, creates: true, shape }, signal),
    ).rejects.toMatchObject(denied('the topic other', 'Create'));
  });
});
