import { describe, expect, it } from '@jest/globals';
import type { Partition, PartitionInfo, ReadRange, StoredBatch } from '@pulses/connector-api';
import { formatAmount } from '@pulses/shared-pulse-model';
import { GroupedSums } from './grouped-sums';

const ID = 'f30026f8-3a33-8c94-8000-0000001a2b3c';

/** As the ingestor writes it. */
const line = (tenant: string, sku: string, amount: string, timestamp = 1) =>
  `{"object_id":"${ID}","tenant_id":"${tenant}","product_sku":"${sku}","use_unit":"h","used_amount":${amount},"timestamp":${timestamp},"source_offset":5}`;

const infoOf = (topic: string, lines: readonly string[], startOffset = 0): PartitionInfo => ({
  topic,
  incarnation: '',
  startOffset,
  nextOffset: startOffset + lines.length,
});

/** A connection to topics, which come two messages a batch in memory that is wiped behind them. */
class MemoryReader {
  readonly aheads: number[] = [];
  openMax = 0;
  #open = 0;
  readonly #topics: ReadonlyMap<string, readonly string[]>;

  constructor(topics: ReadonlyMap<string, readonly string[]>) {
    this.#topics = topics;
  }

  async *read(
    { topic }: Partition,
    { fromOffset, aheadBytes }: ReadRange,
  ): AsyncGenerator<readonly StoredBatch[], void, undefined> {
    const lines = this.#topics.get(topic) ?? [];
    this.aheads.push(aheadBytes);
    this.#open += 1;
    this.openMax = Math.max(this.openMax, this.#open);
    for (let next = 0; next < lines.length; next += 2) {
      const some = lines.slice(next, next + 2);
      const payload = Buffer.from(some.map((one) => `${one}\n`).join(''));
      yield await Promise.resolve([
        { baseOffset: fromOffset + next, recordCount: some.length, timestampMs: 0, payload },
      ]);
      payload.fill('x');
    }
    this.#open -= 1;
  }
}

const rowsOf = ({ sums }: GroupedSums) =>
  sums
    .sorted()
    .map(({ tenantId, productSku, amount, pulseCount }) => [tenantId, productSku, formatAmount(amount), pulseCount]);

describe('the sums of grouped topics', () => {
  it('are those of every line, whatever program has written it', async () => {
    const lines = [
      line('a', 'vm', '0.1'),
      line('a', 'vm', '99999999999999999999.999999999999999999999999999999'),
      line('a', 'vm', '1e2'),
      line('\\u0061', 'vm', '-0.30E-1'),
      `{ "tenant_id": "a", "used_amount": 2, "use_unit": "h", "product_sku": "vm", "timestamp": 1e0, "source_offset": 5, "object_id": "${ID.toUpperCase()}" }\r`,
      line('\\u00e9"'.replace('"', '\\"'), '\u{1f600}', '-1'),
      line('b', 'vm', '-5'),
    ];
    const reading = new GroupedSums(() => true);
    await reading.read([new MemoryReader(new Map([['t', lines]]))], [infoOf('t', lines)]);
    expect(rowsOf(reading)).toEqual([
      ['a', 'vm', '100000000000000000102.069999999999999999999999999999', 5],
      ['b', 'vm', '-5', 1],
      ['é"', '\u{1f600}', '-1', 1],
    ]);
    expect(reading.progress).toBe('7 of 7 grouped pulses read');
  });

  it('leave out what does not count', async () => {
    const lines = [line('a', 'vm', '1', 1), line('a', 'vm', '2', 2), line('a', 'vm', '4', 3)];
    const reading = new GroupedSums(({ timestamp }) => timestamp !== 2);
    await reading.read([new MemoryReader(new Map([['t', lines]]))], [infoOf('t', lines)]);
    expect(rowsOf(reading)).toEqual([['a', 'vm', '5', 2]]);
  });

  it('name the topic and the offset of a line that is no grouped pulse', async () => {
    const lines = [line('a', 'vm', '1'), line('a', 'vm', '2'), line('a', 'vm', '3'), line('a', 'vm', '"4"')];
    const reading = new GroupedSums(() => true);
    await expect(
      reading.read([new MemoryReader(new Map([['t', lines]]))], [infoOf('t', lines, 40)]),
    ).rejects.toMatchObject({
      code: 'OUTPUT_INVALID',
      message: expect.stringMatching(/^t, offset 43: a grouped pulse is not valid: used_amount/) as unknown,
    });
  });

  it('read over all connections, and have few topics on their way', async () => {
    const topics = new Map(
      Array.from({ length: 100 }, (_, index) => [
        `t${index}`,
        Array.from({ length: 1 + (index % 5) }, () => line(`tenant-${index}`, 'vm', '0.1')),
      ]),
    );
    const connections = [1, 2, 3].map(() => new MemoryReader(topics));
    const reading = new GroupedSums(() => true);
    await reading.read(
      connections,
      [...topics].map(([topic, lines]) => infoOf(topic, lines)),
    );
    expect(rowsOf(reading)).toHaveLength(100);
    for (const { aheads, openMax } of connections) {
      expect(aheads.length).toBeGreaterThan(20);
      // The read-ahead of a connection is bounded by both.
      expect(openMax).toBeLessThanOrEqual(12);
      expect(Math.max(...aheads)).toBeLessThanOrEqual(512 * 1024);
    }
  });
});
