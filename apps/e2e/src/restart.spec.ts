import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startApp } from '@pulses/testing-processes';
import {
  numberText,
  pulseLine,
  startSystem,
  sumsOf,
  sumsOfLines,
  type Pulse,
  type System,
} from '@pulses/testing-system';
import { publishLines, readLines, subscribe } from './testing/line-client';

const GROUPED = 'tenants.acme.grouped.pulses';
const AGGREGATED = 'tenants.acme.aggregated.pulses.amount';

const pulses = (from: number, count: number): Pulse[] =>
  Array.from({ length: count }, (_, index) => ({
    tenant: 'acme',
    sku: `sku-${(from + index) % 7}`,
    unit: 'h',
    amount: `${from + index}.${(from + index) % 10}1`,
  }));

describe('a restart', () => {
  let system: System;

  beforeEach(async () => {
    system = await startSystem({ ingestorArgs: ['--flush-interval', '1s'] });
  });
  afterEach(async () => {
    await system.stop();
  });

  it.each([
    ['ingestor', 'SIGKILL'],
    ['ingestor', 'SIGTERM'],
    ['broker', 'SIGKILL'],
    ['broker', 'SIGTERM'],
  ] as const)('of the %s by %s counts every pulse once', async (part, signal) => {
    const all: Pulse[] = [];
    for (let round = 0; round < 3; round += 1) {
      const some = pulses(all.length, 500);
      all.push(...some);
      await publishLines(system.port, 'source.pulses', some.map(pulseLine));
      // The line protocol acknowledges nothing: what a reader sees is stored.
      await readLines(system.port, 'source.pulses', all.length);
      await system.restart(part, signal);
    }
    const grouped = await readLines(system.port, GROUPED, all.length);
    expect(grouped.map((line) => Number(numberText(line, 'source_offset')))).toEqual(all.map((_, offset) => offset));
    expect(sumsOfLines(grouped, 'used_amount')).toEqual(sumsOf(all));

    const subscription = subscribe(system.port, AGGREGATED);
    const aggregated = await subscription.until(
      (lines) => lines.reduce((sum, line) => sum + Number(numberText(line, 'pulse_count')), 0) >= all.length,
    );
    subscription.close();
    expect(sumsOfLines(aggregated, 'total_amount')).toEqual(sumsOf(all));
    const ids = aggregated.map((line) => (JSON.parse(line) as { object_id: string }).object_id);
    expect(new Set(ids).size).toBe(ids.length);

    const audit = startApp({ app: 'cli', args: ['audit', `--port=${system.port}`] });
    expect(await audit.exited).toEqual({ code: 0, signal: null });
  });
});
