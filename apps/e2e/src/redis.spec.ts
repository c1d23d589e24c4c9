import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { freePort, startApp, stopAll, until, type RunningApp } from '@pulses/testing-processes';
import { startRedis, type RedisServer } from '@pulses/testing-services';
import {
  numberText,
  pulseLine,
  startSystem,
  sumsOf,
  sumsOfLines,
  type Pulse,
  type System,
} from '@pulses/testing-system';
import { publishLines, readLines, sendText, subscribe } from './testing/line-client';

const SOURCE = 'source.pulses';
const TENANTS = ['acme', 'globex'];
const grouped = (tenant: string) => `tenants.${tenant}.grouped.pulses`;
const aggregated = (tenant: string) => `tenants.${tenant}.aggregated.pulses.amount`;

const pulses = (from: number, count: number, tenants = TENANTS): Pulse[] =>
  Array.from({ length: count }, (_, index) => ({
    tenant: tenants[(from + index) % tenants.length] ?? '',
    sku: `sku-${(from + index) % 13}`,
    unit: 'h',
    amount: `${(from + index) % 3 === 0 ? '-' : ''}${from + index}.00000000000000000000000000${(from + index) % 10}1`,
  }));

describe('an ingestor that keeps its sums in Redis', () => {
  let redis: RedisServer;
  let system: System;
  const args = () => ['--engine=redis', `--redis-url=${redis.url}`, '--flush-interval=1s'];

  beforeEach(async () => {
    redis = await startRedis({ own: true, args: ['--appendonly', 'yes'] });
    system = await startSystem({ ingestorArgs: args() });
  });
  afterEach(async () => {
    await stopAll();
    await system.stop();
    await redis.stop();
  });

  const publish = async (some: readonly Pulse[], stored: number) => {
    await publishLines(system.port, SOURCE, some.map(pulseLine));
    // The line protocol acknowledges nothing: what a reader sees is stored.
    await readLines(system.port, SOURCE, stored);
  };
  /** All lines of a tenant's sums, once they hold `count` pulses. */
  const sumsUntil = async (tenant: string, count: number): Promise<string[]> => {
    const subscription = subscribe(system.port, aggregated(tenant));
    const lines = await subscription.until((seen) => countOf(seen) >= count);
    subscription.close();
    return lines;
  };

  it('counts every pulse once whatever happens to Redis and to itself', async () => {
    const faults: readonly (() => Promise<void>)[] = [
      async () => {
        await redis.kill();
        await redis.restart();
      },
      () => system.restart('ingestor', 'SIGKILL'),
      async () => {
        await sendText(redis.port, 'FLUSHALL\r\nQUIT\r\n');
      },
      async () => {
        await redis.kill();
        system.ingestor.signal('SIGKILL');
        await redis.restart();
        await system.restart('ingestor', 'SIGKILL');
      },
      () => system.restart('ingestor', 'SIGTERM'),
      () => system.restart('broker', 'SIGKILL'),
    ];
    const all: Pulse[] = [];
    for (const fault of faults) {
      const some = pulses(all.length, 600);
      all.push(...some);
      await publish(some, all.length);
      await fault();
    }
    const each = all.length / TENANTS.length;
    const outputs = new Map<string, string[]>();
    for (const tenant of TENANTS) {
      outputs.set(grouped(tenant), await readLines(system.port, grouped(tenant), each));
      outputs.set(aggregated(tenant), await sumsUntil(tenant, each));
    }
    const groupedLines = TENANTS.flatMap((tenant) => outputs.get(grouped(tenant)) ?? []);
    const sumLines = TENANTS.flatMap((tenant) => outputs.get(aggregated(tenant)) ?? []);
    expect(
      groupedLines.map((line) => Number(numberText(line, 'source_offset'))).sort((left, right) => left - right),
    ).toEqual(all.map((_, offset) => offset));
    expect(sumsOfLines(groupedLines, 'used_amount')).toEqual(sumsOf(all));
    expect(sumsOfLines(sumLines, 'total_amount')).toEqual(sumsOf(all));
    expect(countOf(sumLines)).toBe(all.length);

    const audit = startApp({ app: 'cli', args: ['audit', `--port=${system.port}`] });
    expect(await audit.exited).toEqual({ code: 0, signal: null });
  });

  it('is not ready while Redis is away, says why, and continues when it is back', async () => {
    const before = pulses(0, 100);
    await publish(before, 100);
    await readLines(system.port, grouped('acme'), 50);
    await redis.kill();
    expect(await reasonOfNotReady()).toMatch(/Redis at 127\.0\.0\.1/);
    const during = pulses(100, 100);
    await publish(during, 200);
    await redis.restart();
    await system.ingestor.waitForReady();
    const sums = (await Promise.all(TENANTS.map((tenant) => sumsUntil(tenant, 100)))).flat();
    expect(sumsOfLines(sums, 'total_amount')).toEqual(sumsOf([...before, ...during]));
  });

  it('waits for a Redis that starts later', async () => {
    await redis.kill();
    await system.ingestor.stop();
    const late = await startIngestor(...args());
    await publish(pulses(0, 20), 20);
    await late.waitForOutput(/session ended; opening another/);
    await redis.restart();
    await late.waitForReady();
    const sums = (await Promise.all(TENANTS.map((tenant) => sumsUntil(tenant, 10)))).flat();
    expect(sumsOfLines(sums, 'total_amount')).toEqual(sumsOf(pulses(0, 20)));
    expect(await late.stop()).toEqual({ code: 0, signal: null });
  });

  it('shares a Redis with an ingestor of another source', async () => {
    const other = await startIngestor(...args(), '--source-topic=other.pulses', '--group=other');
    await other.waitForReady();
    const [mine, others] = [pulses(0, 300), pulses(0, 300, ['initech', 'umbrella'])];
    await Promise.all([
      publishLines(system.port, SOURCE, mine.map(pulseLine)),
      publishLines(system.port, 'other.pulses', others.map(pulseLine)),
    ]);
    const sums = (
      await Promise.all([...TENANTS, 'initech', 'umbrella'].map((tenant) => sumsUntil(tenant, 150)))
    ).flat();
    expect(sumsOfLines(sums, 'total_amount')).toEqual(sumsOf([...mine, ...others]));
    expect(await other.stop()).toEqual({ code: 0, signal: null });
  });

  it('ends when Redis refuses the password, and never prints it', async () => {
    await redis.restart(['--requirepass', 'right']);
    const refused = await startIngestor(...args(), '--source-topic=refused.pulses', '--redis-password=wrong-secret');
    expect(await refused.exited).toEqual({ code: 1, signal: null });
    expect(refused.stderr).toMatch(/Redis refuses the user or password/);
    expect(refused.stderr).not.toContain('wrong-secret');
  });

  const startIngestor = async (...more: string[]): Promise<RunningApp> =>
    startApp({ app: 'ingestor', args: [`--port=${system.port}`, `--http-port=${await freePort()}`, ...more] });

  const reasonOfNotReady = async (): Promise<string> => {
    let reason = '';
    await until(async () => {
      const response = await fetch(`http://127.0.0.1:${system.ingestorHttpPort}/readyz`);
      reason = await response.text();
      return response.status === 503 && reason.includes('Redis');
    });
    return reason;
  };
});

function countOf(lines: readonly string[]): number {
  return lines.reduce((count, line) => count + Number(numberText(line, 'pulse_count')), 0);
}
