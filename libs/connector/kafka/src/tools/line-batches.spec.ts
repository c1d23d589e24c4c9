import { describe, expect, it } from '@jest/globals';
import { linesOf } from '@pulses/connector-api';
import { BatchWriter } from '../records/batch-writer';
import { batchEnd, readBatch } from '../records/record-batch';
import { TICK_HEADER } from '../source/records-decoder';
import { LineBatches, type LineSelection } from './line-batches';

const ALL: LineSelection = { fromOffset: 0, untilOffset: Infinity, key: undefined };

/** A batch of messages by key, with a tick at last, at the offsets from `baseOffset` on. */
function batchOf(
  baseOffset: number,
  timestampMs: number,
  ...messages: readonly [key: string | undefined, value: string][]
) {
  const writer = new BatchWriter(1 << 20);
  for (const [key, value] of messages) {
    const bytes = Buffer.from(value);
    writer.append(key === undefined ? undefined : Buffer.from(key), bytes, 0, bytes.length);
  }
  writer.appendMark(TICK_HEADER);
  const bytes = writer.finish({ compression: 'lz4', timestampMs, producer: undefined });
  bytes.writeBigInt64BE(BigInt(baseOffset), 0);
  return readBatch(bytes, 0, batchEnd(bytes, 0)!, 'test'); // whole
}

function read(lines: LineBatches, batch: ReturnType<typeof batchOf>) {
  return lines.runsOf(batch).map(({ key, run }) => [key?.toString(), run.baseOffset, run.timestampMs, linesOf(run)]);
}

const MESSAGES = [
  ['a', 'one'],
  ['a', 'with\nfeeds\n'],
  ['b', ''],
  ['a', 'four'],
] as const satisfies readonly [string, string][];

describe('batches of lines', () => {
  it('hold every message, whatever its bytes, and no tick', () => {
    expect(read(new LineBatches(ALL, 'test'), batchOf(7, 50, ...MESSAGES))).toEqual([
      [undefined, 7, 50, ['one', 'with\nfeeds\n', '', 'four']],
    ]);
  });

  it('hold only the messages of a key, in runs of consecutive offsets', () => {
    const lines = new LineBatches({ ...ALL, key: Buffer.from('a') }, 'test');
    expect(read(lines, batchOf(7, 50, ...MESSAGES))).toEqual([
      [undefined, 7, 50, ['one', 'with\nfeeds\n']],
      [undefined, 10, 50, ['four']],
    ]);
    expect(read(lines, batchOf(20, 60, [undefined, 'none'], ['aa', 'other']))).toEqual([]);
  });

  it('end where the key changes, if that is asked for', () => {
    const lines = new LineBatches({ ...ALL, splitsByKey: true }, 'test');
    expect(read(lines, batchOf(7, 50, ...MESSAGES, [undefined, 'none']))).toEqual([
      ['a', 7, 50, ['one', 'with\nfeeds\n']],
      ['b', 9, 50, ['']],
      ['a', 10, 50, ['four']],
      [undefined, 11, 50, ['none']],
    ]);
  });

  it('hold the range that was asked for', () => {
    const lines = new LineBatches({ ...ALL, fromOffset: 8, untilOffset: 10 }, 'test');
    expect(read(lines, batchOf(7, 50, ...MESSAGES))).toEqual([[undefined, 8, 50, ['with\nfeeds\n', '']]]);
  });

  it('have times that never fall', () => {
    const lines = new LineBatches(ALL, 'test');
    const times = [50, 40, 60].flatMap((timeMs, index) => read(lines, batchOf(index * 9, timeMs, ['a', 'x'])));
    expect(times.map(([, , timestampMs]) => timestampMs)).toEqual([50, 50, 60]);
  });
});
