// Pulses on NATS that are known one by one, and the check that the outputs are theirs.
//
// Guarantees: outputs are read by a client that shares no code with the connector, and summed by code of their own.

import { expect } from '@jest/globals';
import { until } from '@pulses/testing-processes';
import type { createSimRandom } from '@pulses/testing-sim';
import { pulseLine, sumsOf, sumsOfLines, type NatsLink, type Pulse } from '@pulses/testing-system';

export interface NatsLoadOptions {
  readonly random: ReturnType<typeof createSimRandom>;
  readonly tenants: number;
}

export class NatsLoad {
  readonly #random: NatsLoadOptions['random'];
  readonly #tenants: number;
  readonly #published: Pulse[] = [];
  /** Sequence of the last pulse that is stored. */
  lastSequence = 0;

  constructor({ random, tenants }: NatsLoadOptions) {
    this.#random = random;
    this.#tenants = tenants;
  }

  /** Stores pulses of random tenants and amounts. @throws Error when the server refuses them */
  async publish(link: NatsLink, count: number): Promise<void> {
    const pulses = Array.from({ length: count }, (): Pulse => {
      const tenant = `t.${Math.floor(this.#random.fraction() * this.#tenants)}`;
      const amount = (this.#random.fraction() * 10 - 1).toFixed(6);
      return { tenant, sku: 'a', unit: 'GiB', amount };
    });
    this.lastSequence = await link.publish(pulses.map(pulseLine));
    this.#published.push(...pulses);
  }

  /** A random place among the last pulses. */
  within(count: number): number {
    return this.lastSequence - Math.floor(this.#random.fraction() * count);
  }

  /** Waits until every window is stored. Then each pulse is in one grouped line and one sum, and no other line is there. */
  async check(link: NatsLink): Promise<void> {
    await until(async () => (await link.position('windowed')) > this.lastSequence);
    const lines = async (kind: 'grouped.pulses' | 'aggregated.pulses.amount') =>
      (await link.outputs(kind)).flatMap((output) => output.lines);
    const [grouped, sums] = [await lines('grouped.pulses'), await lines('aggregated.pulses.amount')];
    const values = <Value>(some: readonly string[], key: string) =>
      some.map((line) => (JSON.parse(line) as Record<string, Value>)[key]);
    expect({
      lines: grouped.length,
      ids: new Set(values(grouped, 'object_id')).size,
      offsets: new Set(values(grouped, 'source_offset')).size,
      inWindows: values<number>(sums, 'pulse_count').reduce((sum = 0, count = 0) => sum + count, 0),
      windows: new Set(values(sums, 'object_id')).size,
    }).toEqual({
      lines: this.#published.length,
      ids: this.#published.length,
      offsets: this.#published.length,
      inWindows: this.#published.length,
      windows: sums.length,
    });
    const expected = sumsOf(this.#published);
    expect(sumsOfLines(grouped, 'used_amount')).toEqual(expected);
    expect(sumsOfLines(sums, 'total_amount')).toEqual(expected);
  }
}
