import { describe, expect, it } from '@jest/globals';
import type { RecordBatch } from '../records/record-batch';
import { AbortedFilter, type AbortedTransaction } from './aborted-filter';

const ABORT = Buffer.from('1000000008000000000c00000000000000', 'hex');
const COMMIT = Buffer.from('1000000008000000010c00000000000000', 'hex');

interface Step {
  readonly producerId?: bigint;
  readonly count?: number;
  readonly ends?: 'abort' | 'commit';
}

/** Batches as a log stores them: `ends` is a marker. */
function logOf(steps: readonly Step[], firstOffset = 0): RecordBatch[] {
  let offset = firstOffset;
  return steps.map(({ producerId, count = 1, ends }) => {
    const baseOffset = offset;
    offset += count;
    return {
      baseOffset,
      nextOffset: offset,
      recordCount: count,
      codec: 0,
      isLogAppendTime: true,
      isTransactional: producerId !== undefined,
      isControl: ends !== undefined,
      baseTimestampMs: 0,
      maxTimestampMs: 0,
      producerId: producerId ?? -1n,
      records: ends === undefined ? Buffer.alloc(0) : ends === 'abort' ? ABORT : COMMIT,
    };
  });
}

const committed = (log: readonly RecordBatch[], aborted: readonly AbortedTransaction[]) => {
  const filter = new AbortedFilter(aborted);
  return log.filter((batch) => filter.isCommitted(batch)).map(({ baseOffset }) => baseOffset);
};

describe('what aborted transactions wrote', () => {
  it('is hidden also when one producer has aborted twice within an answer', () => {
    const log = logOf([
      { producerId: 1n, count: 10 },
      { producerId: 1n, ends: 'abort' },
      { producerId: 1n, count: 5 },
      { producerId: 1n, ends: 'commit' },
      { producerId: 1n, count: 10 },
      { producerId: 1n, ends: 'abort' },
      { count: 3 },
    ]);
    const aborted = [
      { producerId: 1n, firstOffset: 17 },
      { producerId: 1n, firstOffset: 0 },
    ];
    expect(committed(log, aborted)).toEqual([11, 28]);
  });

  it('is hidden in each answer of a transaction that is longer than one', () => {
    const aborted = [{ producerId: 7n, firstOffset: 0 }];
    const log = logOf([
      ...Array.from({ length: 9 }, () => ({ producerId: 7n, count: 100 })),
      { producerId: 7n, ends: 'abort' },
    ]);
    for (const from of [0, 3, 8]) expect(committed(log.slice(from), aborted)).toEqual([]);
  });

  it('hides nothing of others that write at the same time, and nothing after its marker', () => {
    const log = logOf([
      { producerId: 1n },
      { producerId: 2n },
      {},
      { producerId: 1n },
      { producerId: 1n, ends: 'abort' },
      { producerId: 2n },
      { producerId: 2n, ends: 'commit' },
      { producerId: 1n },
      { producerId: 1n, ends: 'commit' },
    ]);
    expect(committed(log, [{ producerId: 1n, firstOffset: 0 }])).toEqual([1, 2, 5, 7]);
  });

  it('begins in the middle of a batch that compaction has joined', () => {
    const log = logOf([{ producerId: 1n, count: 10 }], 100);
    expect(committed(log, [{ producerId: 1n, firstOffset: 105 }])).toEqual([]);
    expect(committed(log, [{ producerId: 1n, firstOffset: 110 }])).toEqual([100]);
  });
});
