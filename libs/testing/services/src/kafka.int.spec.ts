import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '@pulses/testing-processes';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import {
  freshUser,
  kafkaAdmin,
  readTopic,
  startKafka,
  writeLines,
  type KafkaAdmin,
  type KafkaOptions,
  type KafkaServer,
} from '.';

/** Whether a process of this id lives. */
function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const admins: KafkaAdmin[] = [];
async function adminOf(...of: Parameters<typeof kafkaAdmin>): Promise<KafkaAdmin> {
  const admin = await kafkaAdmin(...of);
  admins.push(admin);
  return admin;
}
afterEach(async () => {
  for (const admin of admins.splice(0)) await admin.close();
});

const text = (records: Awaited<ReturnType<typeof readTopic>>) => records.map(({ value }) => value?.toString());

describe('the Kafka that specs share', () => {
  let kafka: KafkaServer;

  beforeAll(async () => {
    kafka = await startKafka();
  });

  it('is one for all, and is never ended by a suite', async () => {
    const again = await startKafka();
    expect(again.brokers).toBe(kafka.brokers);
    expect(again.topicPrefix).not.toBe(kafka.topicPrefix);
    await expect(again.kill()).rejects.toThrow(/cannot stop the Kafka of this run/);
    await again.stop();
    expect(() => again.brokersOf('SSL')).toThrow(/no listener SSL/);
  });

  it('keeps what was written, with keys, bytes, offsets and its own time', async () => {
    const topic = `${kafka.topicPrefix}.source`;
    const admin = await adminOf(kafka.brokers);
    await admin.createTopic(topic, { partitions: 2, settings: { 'retention.ms': '-1' } });
    const before = Date.now();
    await writeLines({ brokers: kafka.brokers, topic, partition: 1 }, ['one', '{"two":"ü"}'], ['a', 'ö']);
    await writeLines({ brokers: kafka.brokers, topic, partition: 0 }, ['three']);
    const records = await readTopic({ brokers: kafka.brokers, topic });
    expect(records.map(({ partition, offset, key, value }) => [partition, offset, String(key), String(value)])).toEqual(
      expect.arrayContaining([
        [1, 0, 'a', 'one'],
        [1, 1, 'ö', '{"two":"ü"}'],
        [0, 0, 'null', 'three'],
      ]),
    );
    for (const { timestamp } of records) expect(timestamp).toBeGreaterThanOrEqual(before);
    await admin.addPartitions(topic, 3);
    expect(await admin.leaders(topic)).toEqual([1, 1, 1]);
    await admin.deleteTopic(topic);
    await admin.createTopic(topic);
    expect(await readTopic({ brokers: kafka.brokers, topic })).toEqual([]);
  });

  it('is the one of KAFKA_BROKERS where that is set', async () => {
    process.env['KAFKA_BROKERS'] = 'kafka.example:9092';
    try {
      const given = await startKafka();
      expect(given.brokers).toBe('kafka.example:9092');
      await expect(given.restart()).rejects.toThrow(/cannot stop the Kafka of KAFKA_BROKERS/);
    } finally {
      delete process.env['KAFKA_BROKERS'];
    }
  });

  it('ends with its run, even with one that is killed', async () => {
    const owner = spawn('sleep', ['600'], { stdio: 'ignore' });
    const own = await startKafka({ ownerPid: owner.pid ?? 0 });
    const pid = own.nodes[0]?.pid ?? 0;
    expect(lives(pid)).toBe(true);
    owner.kill('SIGKILL');
    await until(() => !lives(pid));
  });
});

describe('a Kafka of the own suite', () => {
  const servers: KafkaServer[] = [];
  const start = async (options: KafkaOptions = {}) => {
    const server = await startKafka(options);
    servers.push(server);
    return server;
  };
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.stop();
  });

  it('keeps its log over a kill, answers nothing while paused, and leaves nothing behind', async () => {
    const kafka = await start();
    const topic = 'kept';
    const admin = await adminOf(kafka.brokers);
    await admin.createTopic(topic);
    await writeLines({ brokers: kafka.brokers, topic }, ['before']);
    await kafka.restart();
    await writeLines({ brokers: kafka.brokers, topic }, ['after']);
    expect(text(await readTopic({ brokers: kafka.brokers, topic }))).toEqual(['before', 'after']);

    await kafka.pause();
    const socket = connect(Number(kafka.brokers.split(':')[1]), '127.0.0.1');
    let answered = false;
    socket.on('data', () => (answered = true));
    // ApiVersions, version 0.
    socket.write(Buffer.from('0000000a00120000000000070000', 'hex'));
    await once(socket, 'connect');
    expect(answered).toBe(false);
    await kafka.resume();
    await until(() => answered);
    socket.destroy();

    const pid = kafka.nodes[0]?.pid ?? 0;
    await kafka.stop();
    expect(lives(pid)).toBe(false);
  });

  it('has listeners with TLS and users, and rules', async () => {
    const user = freshUser('alice');
    const kafka = await start({ listeners: ['SASL_PLAINTEXT', 'SSL', 'SASL_SSL'], users: [user], acls: true });
    const { certificates } = kafka;
    const admin = await adminOf(kafka.brokers);
    await admin.createTopic('secured');
    await writeLines({ brokers: kafka.brokers, topic: 'secured' }, ['seen']);
    const read = (listener: 'SASL_PLAINTEXT' | 'SSL' | 'SASL_SSL', settings: Record<string, string>) =>
      readTopic({
        brokers: kafka.brokersOf(listener),
        topic: 'secured',
        settings: { 'security.protocol': listener, ...settings },
      });
    const ca = { 'ssl.ca.location': certificates?.caPath ?? '' };
    const plain = { 'sasl.mechanism': 'PLAIN', 'sasl.username': user.name };
    const withPassword = { ...plain, 'sasl.password': user.password };
    expect(text(await read('SSL', ca))).toEqual(['seen']);
    // No rule allows the user to read, but the password is right.
    await expect(read('SASL_PLAINTEXT', withPassword)).rejects.toThrow(/authorization failed/i);
    await expect(read('SASL_SSL', { ...ca, ...withPassword })).rejects.toThrow(/authorization failed/i);
    await expect(read('SASL_SSL', { ...ca, ...plain, 'sasl.password': 'wrong' })).rejects.toThrow(/authentication/i);
    await expect(read('SSL', { 'ssl.ca.location': certificates?.otherCaPath ?? '' })).rejects.toThrow(/certificate/i);

    // The kcat of Debian 12 fails at SCRAM: it repeats the nonce, which Kafka refuses since CVE-2024-56128.
    const ask = async (mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-512') => {
      const tls = { ca: readFileSync(certificates?.caPath ?? '', 'utf8') };
      const sasl = { mechanism, username: user.name, password: user.password };
      const client = await adminOf(kafka.brokersOf('SASL_SSL'), { tls, sasl });
      return client.topics();
    };
    // Topics that no rule shows are hidden.
    expect(await ask('SCRAM-SHA-256')).toEqual([]);
    expect(await ask('SCRAM-SHA-512')).toEqual([]);
  });

  it('asks for a client certificate where the suite wants one', async () => {
    const kafka = await start({ listeners: ['SSL'], clientCertificates: true });
    const { caPath = '', clientCertificatePath = '', clientKeyPath = '' } = kafka.certificates ?? {};
    await (await adminOf(kafka.brokers)).createTopic('secured');
    const read = (settings: Record<string, string>) =>
      readTopic({
        brokers: kafka.brokersOf('SSL'),
        topic: 'secured',
        settings: { 'security.protocol': 'SSL', 'ssl.ca.location': caPath, ...settings },
      });
    await expect(read({})).rejects.toThrow(/certificate|handshake|transport/i);
    const own = { 'ssl.certificate.location': clientCertificatePath, 'ssl.key.location': clientKeyPath };
    expect(await read(own)).toEqual([]);
  });

  it('reports why a server does not start', async () => {
    await expect(start({ properties: { 'log.retention.bytes': 'many' } })).rejects.toThrow(/log\.retention\.bytes/);
  });

  it('fails with instructions on a machine without Java', async () => {
    const path = process.env['PATH'];
    process.env['PATH'] = '/nonexistent';
    try {
      await expect(start()).rejects.toThrow(/needs Java 17.*KAFKA_BROKERS.*apt-get install openjdk/);
    } finally {
      process.env['PATH'] = path;
    }
  });
});
