import { describe, expect, it } from '@jest/globals';
import { differencesOf, expectedOf, type KafkaOutputs, type ReadRecord } from './kafka-oracle';
import { pulseLine } from './oracle';

const WINDOW_MS = 5_000;

const record = (partition: number, offset: number, timestamp: number, key: string, line: string): ReadRecord => ({
  partition,
  offset,
  timestamp,
  key: Buffer.from(key),
  value: Buffer.from(line),
  headers: '',
});

const pulse = (tenant: string, amount: string) => pulseLine({ tenant, sku: 's', unit: 'h', amount });

const grouped = (partition: number, offset: number, tenant: string, amount: string, timestamp: number) =>
  `{"object_id":"g-${partition}-${offset}","tenant_id":"${tenant}","product_sku":"s","use_unit":"h","used_amount":${amount},` +
  `"timestamp":${timestamp},"source_offset":${offset},"source_partition":${partition}}`;

const sum = (partition: number, start: number, amount: string, count: number, offsets: [number, number]) =>
  `{"object_id":"s-${partition}-${start}","tenant_id":"a","product_sku":"s","use_unit":"h","total_amount":${amount},` +
  `"window_start":${start},"pulse_count":${count},"source":{"partition":${partition},"from_offset":${offsets[0]},"to_offset":${offsets[1]}}}`;

/** Two partitions; the clock of the first steps back, and it holds a tick and what is no pulse. */
const RIGHT: KafkaOutputs = {
  source: [
    record(0, 0, 4_900, 'a', pulse('a', '0.1')),
    record(0, 2, 5_100, 'a', pulse('a', '0.2')),
    record(0, 3, 4_950, 'a', pulse('a', '0.3')),
    { ...record(0, 4, 10_000, '', ''), headers: 'pulses-tick=' },
    record(0, 5, 10_001, '', 'no pulse'),
    record(1, 0, 4_000, 'a', pulse('a', '7')),
  ],
  grouped: [
    record(0, 0, 0, 'a', grouped(0, 0, 'a', '0.1', 4)),
    record(0, 1, 0, 'a', grouped(0, 2, 'a', '0.2', 5)),
    record(0, 2, 0, 'a', grouped(0, 3, 'a', '0.3', 5)),
    record(0, 3, 0, 'a', grouped(1, 0, 'a', '7', 4)),
  ],
  aggregated: [
    record(0, 0, 0, 'a', sum(0, 0, '0.1', 1, [0, 0])),
    record(0, 1, 0, 'a', sum(0, 5, '0.5', 2, [2, 4])),
    record(0, 2, 0, 'a', sum(1, 0, '7', 1, [0, 0])),
  ],
  deadLetters: [
    record(
      0,
      0,
      0,
      '',
      `{"source_offset":5,"source_partition":0,"raw":"${Buffer.from('no pulse').toString('base64')}"}`,
    ),
  ],
};

const changed = (change: Partial<KafkaOutputs>) => differencesOf({ ...RIGHT, ...change }, WINDOW_MS);

describe('the oracle of outputs on Kafka', () => {
  it('accepts what is right', () => {
    expect(differencesOf(RIGHT, WINDOW_MS)).toEqual([]);
    expect(expectedOf(RIGHT.source, WINDOW_MS).pulses).toBe(4);
  });

  it('finds lines that are missing, doubled, reordered or changed', () => {
    const [first, second, third, fourth] = RIGHT.grouped as [ReadRecord, ReadRecord, ReadRecord, ReadRecord];
    expect(changed({ grouped: [first, second, third] })).toEqual(['the pulse at 1 0 has no grouped line']);
    expect(changed({ grouped: [...RIGHT.grouped, { ...first, offset: 9 }] }).join()).toMatch(/a second line for 0 0/);
    const swapped = [{ ...second, offset: 0 }, { ...first, offset: 1 }, third, fourth];
    expect(changed({ grouped: swapped }).join()).toMatch(/0 0 comes after 2/);
    const other = record(0, 0, 0, 'a', grouped(0, 0, 'a', '0.10000000000000001', 4));
    expect(changed({ grouped: [other, second, third, fourth] }).join()).toMatch(/for \["a","s","h"\]/);
    expect(changed({ grouped: [{ ...first, key: Buffer.from('b') }, second, third, fourth] }).join()).toMatch(/key b/);
    const late = record(0, 0, 0, 'a', grouped(0, 0, 'a', '0.1', 5));
    expect(changed({ grouped: [late, second, third, fourth] }).join()).toMatch(/for the time 4/);
  });

  it('finds sums that are missing, doubled, split or not exact', () => {
    const [first, second, third] = RIGHT.aggregated as [ReadRecord, ReadRecord, ReadRecord];
    expect(changed({ aggregated: [first, third] }).join()).toMatch(/no sum for \[0,5000/);
    expect(changed({ aggregated: [...RIGHT.aggregated, { ...first, offset: 9 }] }).join()).toMatch(/second sum/);
    const rounded = record(0, 1, 0, 'a', sum(0, 5, '0.49999999999999999', 2, [2, 4]));
    expect(changed({ aggregated: [first, rounded, third] }).join()).toMatch(/2 pulses/);
    const short = record(0, 1, 0, 'a', sum(0, 5, '0.5', 2, [3, 4]));
    expect(changed({ aggregated: [first, short, third] }).join()).toMatch(/holds not 2 to 3/);
    expect(second.offset).toBe(1);
  });

  it('finds dead letters that are missing or changed', () => {
    expect(changed({ deadLetters: [] })).toEqual(['what is at 0 5 has no dead letter']);
    const other = record(0, 0, 0, '', '{"source_offset":5,"source_partition":0,"raw":"bm8="}');
    expect(changed({ deadLetters: [other] }).join()).toMatch(/dead letter of 0 5: no for no pulse/);
  });
});
