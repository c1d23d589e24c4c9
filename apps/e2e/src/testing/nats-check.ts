// What outputs on NATS must be: each pulse of the source in one grouped line and in one window sum, and nothing else.
//
// Guarantees: source and outputs are read by a client that shares no code with the connector, and summed by code of their own.

import { expect } from '@jest/globals';
import { until } from '@pulses/testing-processes';
import { exactUnits, numberText, sumsOfLines, type NatsLink } from '@pulses/testing-system';

/** Waits until every window is stored, and compares all outputs with the source. @returns the lines of the source */
export async function checkNatsOutputs(link: NatsLink): Promise<readonly string[]> {
  const messages = await link.sourceMessages();
  const [source, offsets] = [messages.map(({ line }) => line), messages.map(({ sequence }) => sequence)];
  const last = offsets.at(-1) ?? 0;
  await until(async () => (await link.position('windowed')) > last);
  const lines = async (kind: 'grouped.pulses' | 'aggregated.pulses.amount' | 'dead-letter') =>
    (await link.outputs(kind)).flatMap((output) => output.lines);
  const [grouped, sums] = [await lines('grouped.pulses'), await lines('aggregated.pulses.amount')];
  const values = <Value>(some: readonly string[], key: string) =>
    some.map((line) => (JSON.parse(line) as Record<string, Value>)[key]);
  expect({
    deadLetters: await lines('dead-letter'),
    lines: grouped.length,
    ids: new Set(values(grouped, 'object_id')).size,
    inWindows: values<number>(sums, 'pulse_count').reduce((sum = 0, count = 0) => sum + count, 0),
    windows: new Set(values(sums, 'object_id')).size,
  }).toEqual({
    deadLetters: [],
    lines: source.length,
    ids: source.length,
    inWindows: source.length,
    windows: sums.length,
  });
  expect(values<number>(grouped, 'source_offset').sort((left = 0, right = 0) => left - right)).toEqual(offsets);
  const expected = sumsOfSource(source);
  expect(sumsOfLines(grouped, 'used_amount')).toEqual(expected);
  expect(sumsOfLines(sums, 'total_amount')).toEqual(expected);
  return source;
}

/** Exact sums of pulses by tenant, SKU and unit, as `sumsOfLines` has them. */
export function sumsOfSource(lines: readonly string[]): Map<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const line of lines) {
    const { tenant_id, product_sku, use_unity } = JSON.parse(line) as Record<string, string>;
    const key = JSON.stringify([tenant_id, product_sku, use_unity]);
    sums.set(key, (sums.get(key) ?? 0n) + exactUnits(numberText(line, 'used_ammount')));
  }
  return sums;
}
