import { describe, expect, it } from '@jest/globals';
import { createRecordsBatch } from '@platformatic/kafka';
import fc from 'fast-check';
import { BatchWriter } from '../records/batch-writer';
import { batchEnd, readBatch, type RecordBatch } from '../records/record-batch';
import { RecordsDecoder, TICK_HEADER, type Piece } from './records-decoder';

/** A value, or a tick. */
type Entry = string | typeof TICK;
const TICK = Symbol('tick');

function batchOf(entries: readonly Entry[], baseOffset: number): RecordBatch {
  const writer = new BatchWriter(1 << 20);
  for (const entry of entries)
    if (entry === TICK) writer.appendMark(TICK_HEADER);
    else writer.append(undefined, Buffer.from(entry), 0, Buffer.byteLength(entry));
  const bytes = writer.finish({ compression: 'none', timestampMs: 0, producer: undefined });
  bytes.writeBigInt64BE(BigInt(baseOffset), 0);
  return readBatch(bytes, 0, batchEnd(bytes, 0) ?? 0, 't/0');
}

/** What the pieces say of each offset. */
function entriesOf(decoder: RecordsDecoder, pieces: readonly Piece[]): Map<number, Entry> {
  const entries = new Map<number, Entry>();
  for (const piece of pieces) {
    if (piece.kind === 'tick') {
      entries.set(piece.nextOffset - 1, TICK);
      continue;
    }
    let start = piece.start;
    for (const [index, end] of piece.ends.entries()) {
      entries.set(piece.baseOffset + index, decoder.bytes.subarray(start, end).toString());
      start = end;
    }
    expect(piece.nextOffset).toBe(piece.baseOffset + piece.ends.length);
  }
  return entries;
}

describe('the decoder of records', () => {
  const decoder = new RecordsDecoder();

  it('gives every message from the offset on, in runs around ticks, in memory that it uses again', () => {
    const entry = fc.oneof({ weight: 4, arbitrary: fc.string({ unit: 'grapheme' }) }, fc.constant(TICK));
    fc.assert(
      fc.property(
        fc.array(entry, { minLength: 1, maxLength: 30 }),
        fc.nat(1_000),
        fc.nat(35),
        (entries, base, skipped) => {
          const from = base + skipped;
          const pieces = decoder.decode(batchOf(entries, base), from, 'b');
          const expected = entries.map((value, index): [number, Entry] => [base + index, value]);
          expect([...entriesOf(decoder, pieces)]).toEqual(expected.filter(([offset]) => offset >= from));
        },
      ),
    );
  });

  it('leaves out offsets that compaction has removed', () => {
    const batch = batchOf(['a', 'b', 'c', 'd'], 100);
    // The third record says that it is the tenth.
    const moved = Buffer.from(batch.records);
    moved[2 * 8 + 3] = 18;
    moved[3 * 8 + 3] = 20;
    const pieces = decoder.decode({ ...batch, records: moved }, 0, 'b');
    expect(pieces.map((piece) => (piece.kind === 'run' ? [piece.baseOffset, piece.nextOffset] : piece))).toEqual([
      [100, 102],
      [109, 111],
    ]);
    expect([...entriesOf(decoder, pieces).values()]).toEqual(['a', 'b', 'c', 'd']);
  });

  it('takes a record without value as an empty message, and one with headers as it is', () => {
    const messages = [
      { topic: 't', value: Buffer.from('with'), headers: new Map([[Buffer.from('pulses-tick'), Buffer.from('')]]) },
      { topic: 't', value: Buffer.from(''), headers: new Map([[Buffer.from('other'), Buffer.from('x')]]) },
    ];
    const { buffer } = createRecordsBatch(messages);
    const batch = readBatch(buffer, 0, batchEnd(buffer, 0) ?? 0, 't/0');
    expect([...entriesOf(decoder, decoder.decode(batch, 0, 'b')).values()]).toEqual(['with', '']);
  });
});
