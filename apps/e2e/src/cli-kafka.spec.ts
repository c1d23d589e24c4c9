// The command line and the stub generator beside a whole system on Kafka, by the same flags.

import { afterEach, describe, expect, it } from '@jest/globals';
import { startApp, stopAll, until } from '@pulses/testing-processes';
import { startKafka, type KafkaServer } from '@pulses/testing-services';
import { exactUnits, numberText, pulseLine } from '@pulses/testing-system';
import { KafkaSystem } from './testing/kafka-system';

const PULSES = 6_000;
const PARTITIONS = 3;

const rowsOf = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);

describe('on Kafka', () => {
  let kafka: KafkaServer;
  let system: KafkaSystem;

  afterEach(async () => {
    await stopAll();
    await system.close();
    await kafka.stop();
  });

  it('the tools publish, list, read, sum and prove as on the broker', async () => {
    kafka = await startKafka({});
    system = await KafkaSystem.open(kafka, { partitions: PARTITIONS });
    const { source, grouped, aggregated } = system.topics;
    const flags = [
      '--connector=kafka',
      `--kafka-brokers=${kafka.brokers}`,
      `--kafka-grouped-topic=${grouped}`,
      `--kafka-aggregated-topic=${aggregated}`,
    ];
    const start = (args: readonly string[]) => startApp({ app: 'cli', args: [...args, ...flags] });
    const run = async (...args: readonly string[]) => {
      const app = start(args);
      const { code } = await app.exited;
      return { code, stdout: app.stdout, stderr: app.stderr };
    };
    const ofSource = `--source-topic=${source}`;

    const ingestor = await system.startIngestor();
    const stub = startApp({
      app: 'stub-generator',
      args: [...flags, ofSource, `--count=${PULSES}`, '--rate=max', '--tenants=7', '--skus=3'],
    });
    expect(await stub.exited).toEqual({ code: 0, signal: null });
    expect(JSON.parse(stub.stdout)).toMatchObject({ pulses_sent: PULSES, pulses_acked: PULSES });
    const generated = exactUnits((JSON.parse(stub.stdout) as { amount_acked: string }).amount_acked);

    const producer = start(['produce', source]);
    producer.stdin.write(`${pulseLine({ tenant: 'a.b', sku: 'vm', unit: 'h', amount: '0.1' })}\nno pulse\n`);
    producer.stdin.end();
    expect(await producer.exited).toEqual({ code: 0, signal: null });
    expect(rowsOf(producer.stdout)).toEqual([{ messages_acked: 2 }]);

    const summed = async () => {
      const sums = rowsOf((await run('cat', aggregated)).stdout);
      return sums.reduce((count, { pulse_count: pulses }) => count + Number(pulses), 0);
    };
    await until(async () => (await summed()) === PULSES + 1);
    const positions = rowsOf((await run('positions', `--topic=${source}`)).stdout);
    expect(positions.filter(({ name }) => name === 'grouped').map(({ partition }) => partition)).toEqual([0, 1, 2]);
    expect((await ingestor.app.stop()).code).toBe(0);

    const topics = rowsOf((await run('topics', `--prefix=${source}`)).stdout);
    const ofSourceTopic = topics.filter(({ topic }) => topic === source);
    expect(ofSourceTopic.map(({ partition }) => partition)).toEqual([0, 1, 2]);

    const sums = (await run('totals', '--json')).stdout.trimEnd().split('\n');
    const units = sums.reduce((sum, line) => sum + exactUnits(numberText(line, 'total_amount')), 0n);
    expect(units).toBe(generated + exactUnits('0.1'));
    expect(sums.reduce((count, line) => count + Number(numberText(line, 'pulse_count')), 0)).toBe(PULSES + 1);
    expect(rowsOf((await run('totals', '--tenant=a.b')).stdout)).toMatchObject([{ tenant_id: 'a.b', pulse_count: 1 }]);
    expect(rowsOf((await run('source', ofSource)).stdout).length).toBe(sums.length);

    const lines = rowsOf((await run('cat', 'tenants.tenant-1.grouped.pulses')).stdout);
    expect(new Set(lines.map(({ tenant_id: tenant }) => tenant))).toEqual(new Set(['tenant-1']));
    expect(rowsOf((await run('cat', 'tenants.a%2Eb.aggregated.pulses.amount')).stdout)).toMatchObject([
      { tenant_id: 'a.b', total_amount: 0.1, source: { topic: source } },
    ]);
    expect((await run('cat', source, '--count=5')).stdout.trimEnd().split('\n').length).toBe(5);

    const letters = await run('dead-letters', ofSource, '--raw');
    expect(rowsOf(letters.stdout)).toMatchObject([
      {
        source_partition: expect.any(Number),
        reason: 'not_json',
        redriven: false,
        raw: Buffer.from('no pulse').toString('base64'),
      },
    ]);

    const audit = await run('audit', ofSource);
    const reports = rowsOf(audit.stdout);
    expect(reports).toMatchObject([0, 1, 2].map((partition) => ({ equal: true, complete: true, partition })));
    expect(reports.reduce((sum, { messages_read: read }) => sum + Number(read), 0)).toBe(PULSES + 2);
    expect(audit.code).toBe(0);

    const redrive = await run('dead-letters', 'redrive', ofSource);
    expect(rowsOf(redrive.stdout)).toMatchObject([{ letters_selected: 1, letters_redriven: 1 }]);
    expect(rowsOf((await run('dead-letters', ofSource)).stdout)).toMatchObject([{ redriven: true }]);
    expect(rowsOf((await run('dead-letters', 'redrive', ofSource)).stdout)).toMatchObject([{ letters_redriven: 0 }]);

    const groups = rowsOf((await run('groups')).stdout);
    expect(groups).toContainEqual(
      expect.objectContaining({ group: 'ingestor', sources: expect.arrayContaining([source]) }),
    );
  }, 120_000);
});
