// A source moves from the broker to Kafka as docs/scaling.md says: each pulse is in the outputs of one of both, once.

import { afterEach, describe, expect, it } from '@jest/globals';
import { bundlePath, startApp, stopAll, until } from '@pulses/testing-processes';
import { startKafka, type KafkaServer } from '@pulses/testing-services';
import { startSystem, type System } from '@pulses/testing-system';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { KafkaSystem } from './testing/kafka-system';
import { expectedValues, mixedSource } from './testing/mixed-source';
import { readBrokerFiles, readKafkaTopics, settledOutputs, valuesOf } from './testing/output-values';

const LIMIT_MS = 180_000;
const SOURCE = 'source.pulses';
const run = promisify(execFile);

interface PositionRow {
  readonly name: string;
  readonly offset: number;
  readonly lag: number;
}

/** Sorted, as partitions come one after the other. */
const linesOf = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .sort();

describe('a move to Kafka', () => {
  let broker: System;
  let kafka: KafkaServer;
  let target: KafkaSystem;

  afterEach(async () => {
    await stopAll();
    await target.close();
    await broker.stop();
    await kafka.stop();
  });

  async function cli(args: readonly string[], input: Buffer = Buffer.alloc(0)): Promise<string> {
    const app = startApp({ app: 'cli', args });
    app.stdin.end(input);
    expect({ ...(await app.exited), stderr: app.stderr }).toEqual({ code: 0, signal: null, stderr: '' });
    return app.stdout;
  }

  const positions = async () => {
    const rows = (await cli(['positions', `--topic=${SOURCE}`, '--json', `--port=${broker.port}`])).split('\n');
    return rows.slice(0, -1).map((row) => JSON.parse(row) as PositionRow);
  };

  const metrics = async () => (await fetch(`http://127.0.0.1:${broker.ingestorHttpPort}/metrics`)).text();

  it(
    'loses no pulse and repeats none, also when the old ingestor is started again',
    async () => {
      const [before, rest] = [mixedSource({ messages: 200, seed: 2 }), mixedSource({ messages: 200, seed: 3 })];
      [broker, kafka] = await Promise.all([startSystem({ ingestorArgs: ['--flush-interval=1s'] }), startKafka({})]);
      target = await KafkaSystem.open(kafka, { partitions: 3 });
      const at = `--port=${broker.port}`;
      const { source, grouped, aggregated } = target.topics;
      const toKafka = ['--connector=kafka', `--kafka-brokers=${kafka.brokers}`];

      await cli(['produce', SOURCE, at], before.text);
      // Drained: every window is closed, so that both positions are at the end.
      await until(async () => {
        const rows = await positions();
        return rows.length === 2 && rows.every(({ lag }) => lag === 0);
      });
      await broker.ingestor.stop();
      await cli(['produce', SOURCE, at], rest.text);

      const [first, second] = await positions();
      expect([first, second]).toMatchObject(['grouped', 'windowed'].map((name) => ({ name, offset: 200, lag: 200 })));
      const script = '"$0" "$1" cat "$2" --from "$3" "$4" | "$0" "$1" produce "$5" "$6" "$7"';
      const programs = [process.execPath, bundlePath('cli')];
      const moved = await run('sh', ['-c', script, ...programs, SOURCE, String(first?.offset), at, source, ...toKafka]);
      expect(JSON.parse(moved.stdout)).toEqual({ messages_acked: first?.lag });
      for (const name of ['grouped', 'windowed'])
        await cli(['positions', 'set', `ingestor@${SOURCE}`, SOURCE, name, '400', '--yes', at]);

      await cli(['audit', '--to=200', at]);

      const { app } = await target.startIngestor();
      const readKafka = () => readKafkaTopics(kafka.brokers, target.topics);
      const onKafka = await settledOutputs(readKafka, rest, () => app.stop());
      const outputs = [`--kafka-grouped-topic=${grouped}`, `--kafka-aggregated-topic=${aggregated}`];
      await cli(['audit', `--source-topic=${source}`, ...toKafka, ...outputs]);

      // The other way, in place of an export: the same messages, also those that are no pulses.
      const back = '"$0" "$1" cat "$2" "$3" "$4" | "$0" "$1" produce "$5" "$6"';
      await run('sh', ['-c', back, ...programs, source, ...toKafka, 'copied', at]);
      const copied = await run(process.execPath, [bundlePath('cli'), 'cat', 'copied', at], { encoding: 'latin1' });
      expect(linesOf(copied.stdout)).toEqual(linesOf(rest.text.toString('latin1')));

      await broker.restart('ingestor', 'SIGTERM');
      await until(async () => (await metrics()).includes('\npulses_source_lag 0\n'));
      const endBroker = async () => {
        await broker.ingestor.stop();
        await broker.broker.stop();
      };
      const onBroker = await settledOutputs(() => readBrokerFiles(broker.dataDir), before, endBroker);
      expect(valuesOf(onBroker)).toEqual(expectedValues(before));
      expect(valuesOf(onKafka)).toEqual(expectedValues(rest));
      expect(valuesOf(onBroker, onKafka)).toEqual(expectedValues(before, rest));
    },
    LIMIT_MS,
  );
});
