// What publishes to Kafka, while the node, the connection or the publisher fails. kcat reads what is stored: nothing is lost,
// doubled or out of order.

import { afterEach, describe, expect, it } from '@jest/globals';
import { startApp, stopAll, until, type RunningApp } from '@pulses/testing-processes';
import { SCALE } from '@pulses/testing-scale';
import {
  followTopic,
  kafkaAdmin,
  readTopic,
  startKafka,
  type KafkaAdmin,
  type KafkaRecord,
  type KafkaServer,
} from '@pulses/testing-services';
import { createSimRandom } from '@pulses/testing-sim';
import { exactUnits, numberText } from '@pulses/testing-system';
import { startKafkaProxy, type KafkaFault, type KafkaProxy } from './testing/kafka-proxy';
import { loadLine } from './testing/steady-load';

const KILLS = SCALE.sizeOf({ sample: 1, fault: 10, torture: 50 });
const CUTS = SCALE.sizeOf({ sample: 1, fault: 10, torture: 50 });
/** A reply that never comes costs the 30 s that a request may take. */
const FAULTS: readonly KafkaFault[] = SCALE.name === 'sample' ? ['refuse', 'cut'] : ['refuse', 'cut', 'delay', 'drop'];
const LINES = 3_000;
/** More than a round of batches holds. */
const LINES_OF_KILLED = 60_000;
const PARTITIONS = 3;
const KILL_MS_MAX = 60_000;

const linesFrom = (first: number, count: number) =>
  Array.from({ length: count }, (_, index) => loadLine(first + index));
const textOf = ({ value }: KafkaRecord) => value?.toString() ?? '';
/** Of a line of `loadLine`. */
const numberOf = (line: string) => Number(/(?:"n":|no pulse )(\d+)/.exec(line)?.[1]);

describe(`what publishes to Kafka, ${SCALE.note}`, () => {
  let kafka: KafkaServer;
  let admin: KafkaAdmin;
  let proxy: KafkaProxy | undefined;
  const followers: (() => Promise<void>)[] = [];

  const start = async (options: { readonly advertisedPort?: number } = {}) => {
    kafka = await startKafka(options);
    admin = await kafkaAdmin(kafka.brokers);
  };
  afterEach(async () => {
    await stopAll();
    await Promise.all(followers.splice(0).map((end) => end()));
    await admin.close();
    await proxy?.close();
    proxy = undefined;
    await kafka.stop();
  });

  const createTopic = async (name: string, partitions: number) => {
    const topic = `${kafka.topicPrefix}.${name}`;
    await admin.createTopic(topic, { partitions });
    return { brokers: kafka.brokers, topic };
  };
  /** Counts what becomes readable. */
  const follow = async (place: { readonly brokers: string; readonly topic: string }) => {
    const seen = { count: 0 };
    followers.push(await followTopic(place, () => (seen.count += 1)));
    return seen;
  };
  const flags = (brokers: string) => ['--connector=kafka', `--kafka-brokers=${brokers}`];
  const produce = (topic: string, brokers = kafka.brokers) =>
    startApp({ app: 'cli', args: ['produce', topic, ...flags(brokers)] });
  const acknowledged = async (producer: RunningApp) => {
    const { code } = await producer.exited;
    if (code !== 0) throw new Error(`the producer ended with ${code}:\n${producer.stderr}`);
    return (JSON.parse(producer.stdout) as { messages_acked: number }).messages_acked;
  };
  /** Expects every line once, and those of a partition in order. */
  const expectWhole = (records: readonly KafkaRecord[], lines: readonly string[]) => {
    const numbers = records.map((record) => numberOf(textOf(record)));
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const ofPartition = numbers.filter((_, index) => records[index]?.partition === partition);
      expect(ofPartition).toEqual([...ofPartition].sort((left, right) => left - right));
    }
    const texts = new Map(records.map((record, index) => [numbers[index], textOf(record)]));
    expect(lines.filter((line, index) => texts.get(index) !== line)).toEqual([]);
    expect(records.length).toBe(lines.length);
  };

  it(
    `stores each line once while the node is killed ${KILLS} times`,
    async () => {
      await start();
      const produced = await createTopic('produced', PARTITIONS);
      const generated = await createTopic('generated', PARTITIONS);
      const [seen, stubSeen] = [await follow(produced), await follow(generated)];
      const producer = produce(produced.topic);
      const stub = startApp({
        app: 'stub-generator',
        args: [...flags(kafka.brokers), `--source-topic=${generated.topic}`, '--rate=2000', `--seed=${SCALE.seed}`],
      });
      const lines: string[] = [];
      for (let kill = 0; kill < KILLS; kill += 1) {
        const [before, stubBefore] = [seen.count, stubSeen.count];
        const some = linesFrom(lines.length, LINES);
        lines.push(...some);
        producer.stdin.write(`${some.join('\n')}\n`);
        await until(() => seen.count > before && stubSeen.count > stubBefore);
        await kafka.restart();
      }
      producer.stdin.end();
      stub.signal('SIGTERM');
      expect(await acknowledged(producer)).toBe(lines.length);
      expect(await stub.exited).toEqual({ code: 0, signal: null });

      expectWhole(await readTopic(produced), lines);
      const totals = JSON.parse(stub.stdout) as { pulses_sent: number; pulses_acked: number; amount_acked: string };
      const pulses = (await readTopic(generated)).map(textOf);
      expect([totals.pulses_sent, totals.pulses_acked]).toEqual([pulses.length, pulses.length]);
      const sum = pulses.reduce((units, line) => units + exactUnits(numberText(line, 'used_ammount')), 0n);
      expect(exactUnits(totals.amount_acked)).toBe(sum);
    },
    120_000 + KILLS * KILL_MS_MAX,
  );

  it(
    `stores each line once when replies fail: ${FAULTS.join(', ')}, ${CUTS} times each`,
    async () => {
      proxy = await startKafkaProxy(() => kafka.proxiedPort);
      const { port, next } = proxy;
      await start({ advertisedPort: port });
      const place = await createTopic('cut', PARTITIONS);
      const lines: string[] = [];
      for (const fault of FAULTS) {
        // A system that does not answer at the start is refused before a line is read.
        const atStart = fault === 'drop' ? undefined : next('InitProducerId', fault);
        const producer = produce(place.topic, `127.0.0.1:${port}`);
        const ended = acknowledged(producer);
        await Promise.race([atStart, ended]);
        const before = lines.length;
        for (let cut = 0; cut < (fault === 'drop' ? 2 : CUTS); cut += 1) {
          const done = next('Produce', fault);
          const some = linesFrom(lines.length, LINES);
          lines.push(...some);
          producer.stdin.write(`${some.join('\n')}\n`);
          await Promise.race([done, ended]);
        }
        producer.stdin.end();
        expect(await ended).toBe(lines.length - before);
      }
      expectWhole(await readTopic(place), lines);
    },
    240_000 + CUTS * 20_000,
  );

  it(
    `stores a beginning of the input when it is killed, ${KILLS} times, and the next one goes on there`,
    async () => {
      await start();
      const random = createSimRandom(SCALE.seed);
      const place = await createTopic('killed', 1);
      const seen = await follow(place);
      const lines = linesFrom(0, KILLS * LINES_OF_KILLED);
      let stored = 0;
      for (let kill = 0; kill < KILLS; kill += 1) {
        const producer = produce(place.topic);
        producer.stdin.write(`${lines.slice(stored, stored + LINES_OF_KILLED).join('\n')}\n`);
        const target = stored + random.fraction() * LINES_OF_KILLED * 0.9;
        await until(() => seen.count > target);
        producer.signal('SIGKILL');
        await producer.exited;
        // What the killed one has sent is stored by now or never will be.
        await kafka.restart();
        const texts = (await readTopic(place)).map(textOf);
        stored = texts.length;
        expect(texts).toEqual(lines.slice(0, stored));
      }
      const last = produce(place.topic);
      last.stdin.end(`${lines.slice(stored).join('\n')}\n`);
      expect(await acknowledged(last)).toBe(lines.length - stored);
      expect((await readTopic(place)).map(textOf)).toEqual(lines);
    },
    120_000 + KILLS * KILL_MS_MAX,
  );
});
