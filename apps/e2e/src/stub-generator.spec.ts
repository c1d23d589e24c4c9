import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startApp, until } from '@pulses/testing-processes';
import {
  exactUnits,
  NatsLink,
  numberText,
  startBrokerProcess,
  startNatsSystem,
  type BrokerProcess,
} from '@pulses/testing-system';
import { readLines } from './testing/line-client';

interface Totals {
  readonly pulses_sent: number;
  readonly pulses_acked: number;
  readonly amount_acked: string;
  readonly seconds: number;
}

describe('the stub generator', () => {
  let broker: BrokerProcess;

  beforeEach(async () => {
    broker = await startBrokerProcess();
  });
  afterEach(async () => {
    await broker.stop();
  });

  async function generate(topic: string, args: readonly string[]): Promise<Totals> {
    const app = startApp({
      app: 'stub-generator',
      args: [`--port=${broker.port}`, `--source-topic=${topic}`, ...args],
    });
    expect(await app.exited).toEqual({ code: 0, signal: null });
    const lines = app.stdout.trimEnd().split('\n');
    expect(lines.length).toBe(1);
    return JSON.parse(lines[0] ?? '') as Totals;
  }

  it('sends the requested number of pulses, and prints their exact sum', async () => {
    const totals = await generate('exact', ['--count=5000', '--rate=max', '--tenants=3', '--skus=4', '--seed=7']);
    expect([totals.pulses_sent, totals.pulses_acked]).toEqual([5000, 5000]);
    const lines = await readLines(broker.port, 'exact', 5000);
    const sum = lines.reduce((units, line) => units + exactUnits(numberText(line, 'used_ammount')), 0n);
    expect(exactUnits(totals.amount_acked)).toBe(sum);
    const tenants = new Set(lines.map((line) => (JSON.parse(line) as { tenant_id: string }).tenant_id));
    expect(tenants.size).toBe(3);
  });

  it('sends the same pulses for the same seed, and others for another', async () => {
    for (const [topic, seed] of [
      ['a', 1],
      ['b', 1],
      ['c', 2],
    ] as const)
      await generate(topic, ['--count=200', '--rate=max', `--seed=${seed}`]);
    const [a, b, c] = [
      await readLines(broker.port, 'a', 200),
      await readLines(broker.port, 'b', 200),
      await readLines(broker.port, 'c', 200),
    ];
    expect(a).toEqual(b);
    expect(a).not.toEqual(c);
  });

  it('works with one tenant and one SKU, skewed or not', async () => {
    const totals = await generate('one', ['--count=50', '--rate=max', '--tenants=1', '--skus=1', '--skew=1.2']);
    expect(totals.pulses_acked).toBe(50);
  });

  it('deletes every topic first with --clean', async () => {
    await generate('old', ['--count=10', '--rate=max']);
    await generate('new', ['--count=10', '--rate=max', '--clean']);
    const topics = startApp({ app: 'cli', args: ['topics', `--port=${broker.port}`, '--json'] });
    await topics.exited;
    expect(topics.stdout).toContain('"new"');
    expect(topics.stdout).not.toContain('"old"');
  });
});

describe('the stub generator of an ingestor', () => {
  it('publishes to the system that the ingestor reads', async () => {
    const system = await startNatsSystem({ ingestorArgs: ['--stub', '--stub-tenants=1'] });
    try {
      await system.ingestor.waitForReady();
      const link = await NatsLink.open(system.server.url);
      await until(async () => (await link.manager.streams.info('pulses-source')).state.messages > 0);
      await link.close();
    } finally {
      await system.stop();
    }
  });
});
