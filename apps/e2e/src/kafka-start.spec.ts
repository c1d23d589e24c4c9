// What a user of --connector kafka meets: wrong settings at the start, refusals later, and the end.

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort, makeTempDirectory, startApp, stopAll, until, type TempDirectory } from '@pulses/testing-processes';
import {
  freshUser,
  kafkaAdmin,
  kafkaRights,
  readTopic,
  startKafka,
  writeLines,
  type KafkaAdmin,
  type KafkaRights,
  type KafkaServer,
} from '@pulses/testing-services';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const LIMIT_MS = 180_000;
const alice = freshUser('alice');
const SOURCE = 'source.pulses';
const OUTPUTS = ['tenants.grouped.pulses', 'tenants.aggregated.pulses.amount', `${SOURCE}.dead-letter`];
const PULSE = '{"tenant_id":"acme","product_sku":"vm-small","used_ammount":0.25,"use_unity":"hours"}';

describe('an ingestor on Kafka', () => {
  let directory: TempDirectory;
  let kafka: KafkaServer;
  let admin: KafkaAdmin;
  let rights: KafkaRights;
  let passwordFile: string;

  beforeAll(async () => {
    directory = await makeTempDirectory();
    passwordFile = join(directory.path, 'password');
    await writeFile(passwordFile, `${alice.password}\n`);
    kafka = await startKafka({ listeners: ['SASL_PLAINTEXT'], users: [alice], acls: true });
    admin = await kafkaAdmin(kafka.brokers);
    rights = await kafkaRights(kafka.brokers);
  }, LIMIT_MS);
  afterEach(stopAll);
  afterAll(async () => {
    await Promise.all([admin.close(), rights.close()]);
    await kafka.stop();
    await directory.remove();
  });

  async function start(brokers: string, args: readonly string[]) {
    const httpPort = await freePort();
    const app = startApp({
      app: 'ingestor',
      // No package is beside the bundle, nor here.
      cwd: directory.path,
      args: [
        ...['--connector=kafka', `--kafka-brokers=${brokers}`, `--http-port=${httpPort}`, '--flush-interval=1s'],
        ...args,
      ],
    });
    const readiness = async () => {
      try {
        const answer = await fetch(`http://127.0.0.1:${httpPort}/readyz`);
        return { status: answer.status, text: await answer.text() };
      } catch {
        return { status: 0, text: '' };
      }
    };
    return { app, readiness };
  }

  const asAlice = (file = passwordFile) => [
    ...['--kafka-sasl-mechanism=scram-sha-512', '--kafka-username=alice', `--kafka-password-file=${file}`],
  ];

  async function endOf(brokers: string, args: readonly string[]) {
    const { app } = await start(brokers, args);
    const { code } = await app.exited;
    return { code, lastLine: app.stderr.trimEnd().split('\n').at(-1) ?? '' };
  }

  it(
    'ends with exit code 2 and a line that names the setting, the topic or the right',
    async () => {
      const secured = kafka.brokersOf('SASL_PLAINTEXT');
      const wrongFile = join(directory.path, 'wrong');
      await writeFile(wrongFile, 'hunter2-hunter2');
      const cases: [string, string[], RegExp][] = [
        ['127.0.0.1:1', [], /^ingestor: --kafka-brokers: 127\.0\.0\.1:1 can't be reached \(ECONNREFUSED\)$/],
        [kafka.brokers, ['--kafka-username=alice'], /^ingestor: --kafka-sasl-mechanism: a value is needed/],
        [kafka.brokers, ['--source-topic=no/topic'], /^ingestor: --source-topic: 'no\/topic' is not valid/],
        [
          kafka.brokers,
          ['--source-topic=absent'],
          /^ingestor: Kafka has no topic absent, .*kafka-topics\.sh .* --create/,
        ],
        [kafka.brokers, ['--kafka-tls'], /^ingestor: --kafka-tls: .* does not answer with TLS$/],
        [secured, [], /^ingestor: --kafka-brokers: .* may ask for --kafka-sasl-mechanism$/],
        [secured, asAlice(wrongFile), /^ingestor: --kafka-username, --kafka-password-file: .* refuses the password/],
        [secured, asAlice(), /^ingestor: the topic .*: Kafka grants 'alice' no .*kafka-acls\.sh .* grants it$/],
      ];
      await admin.createTopic(SOURCE, { settings: { 'message.timestamp.type': 'LogAppendTime' } });
      const ends = await Promise.all(cases.map(([brokers, args]) => endOf(brokers, args)));
      expect(ends).toEqual(cases.map(([, , line]) => ({ code: 2, lastLine: expect.stringMatching(line) })));
      expect(JSON.stringify(ends)).not.toContain('hunter2');
    },
    LIMIT_MS,
  );

  it(
    'is not ready while a right is missing that it had, and continues once it is granted again',
    async () => {
      for (const topic of OUTPUTS)
        await rights.grant(alice.name, 'TOPIC', topic, ['CREATE', 'WRITE', 'DESCRIBE_CONFIGS']);
      const ofSource = [alice.name, 'TOPIC', SOURCE, ['READ', 'WRITE', 'DESCRIBE_CONFIGS']] as const;
      await rights.grant(...ofSource);
      await rights.grant(alice.name, 'GROUP', 'ingestor', ['READ']);
      await rights.grant(alice.name, 'GROUP', `pulses.owner.${SOURCE}`, ['READ']);
      await rights.grant(alice.name, 'TRANSACTIONAL_ID', `pulses.${SOURCE}.*`, ['WRITE']);
      const { app, readiness } = await start(kafka.brokersOf('SASL_PLAINTEXT'), [
        ...asAlice(),
        '--kafka-create-topics',
      ]);
      const isReady = async () => (await readiness()).status === 200;
      await until(isReady, LIMIT_MS);

      await rights.revoke(...ofSource);
      await until(
        async () => /the topic source\.pulses: Kafka grants 'alice' no/.test((await readiness()).text),
        LIMIT_MS,
      );
      expect((await readiness()).status).toBe(503);
      await rights.grant(...ofSource);
      await until(isReady, LIMIT_MS);
      await writeLines({ brokers: kafka.brokers, topic: SOURCE }, [PULSE]);
      await until(
        async () => (await readTopic({ brokers: kafka.brokers, topic: OUTPUTS[1] ?? '' })).length === 1,
        LIMIT_MS,
      );
      expect(await app.stop()).toEqual({ code: 0, signal: null });
    },
    LIMIT_MS,
  );

  it(
    'ends cleanly while Kafka hangs',
    async () => {
      const { app, readiness } = await start(kafka.brokers, ['--kafka-create-topics']);
      await until(async () => (await readiness()).status === 200, LIMIT_MS);
      await kafka.pause();
      try {
        expect(await app.stop()).toEqual({ code: 0, signal: null });
      } finally {
        await kafka.resume();
      }
    },
    LIMIT_MS,
  );
});
