import { describe, expect, it } from '@jest/globals';
import { BUCKET_KEYS } from './key-names';
import { PendingRows, ROW_BYTES } from './pending-rows';
import { copyKeys, createWindowLog } from './testing/window-log';

const idsOf = (rows: Buffer): number[] =>
  Array.from({ length: rows.byteLength / ROW_BYTES }, (_, row) => rows.readInt32LE(row * ROW_BYTES));

describe('pending rows', () => {
  it('are one per key for any number of deltas', () => {
    const log = createWindowLog({ seed: 5, messages: 900, keys: 100 });
    const [apart, together] = [copyKeys(undefined), copyKeys(undefined)];
    const pending = new PendingRows(log.fromOffset, 0);
    for (let at = log.fromOffset; at < log.endOffset; at += 300) pending.add(log.delta(apart, at, at + 300));
    const atOnce = new PendingRows(log.fromOffset, 0);
    atOnce.add(log.delta(together, log.fromOffset, log.endOffset));
    expect([pending.length, pending.keyCount, pending.fromOffset, pending.nextOffset]).toEqual([
      100,
      100,
      log.fromOffset,
      log.endOffset,
    ]);
    expect(countOf(pending.takeChunks(apart, 0, 1_000))).toBe(900);
    expect(countOf(atOnce.takeChunks(together, 0, 1_000))).toBe(900);
  });

  it('are cut into bounded chunks of one bucket, with each new key once and in order', () => {
    const log = createWindowLog({ seed: 6, messages: 200_000, keys: 70_000 });
    const keys = copyKeys(undefined);
    const pending = new PendingRows(log.fromOffset, 0);
    const half = log.fromOffset + 100_000;
    pending.add(log.delta(keys, log.fromOffset, half));
    const first = pending.takeChunks(keys, 0, 1_000);
    const known = keys.size;
    expect(pending.isEmpty).toBe(true);
    pending.add(log.delta(keys, half, log.endOffset));
    const second = pending.takeChunks(keys, known, 1_000);
    expect(countOf(first) + countOf(second)).toBe(200_000);
    for (const [chunks, firstNewId] of [
      [first, 0],
      [second, known],
    ] as const) {
      let next = firstNewId;
      for (const { bucket, rows, newKeys, newKeyBytes } of chunks) {
        const ids = idsOf(rows);
        expect(ids.length).toBeLessThanOrEqual(1_000);
        expect(new Set(ids.map((id) => Math.floor(id / BUCKET_KEYS)))).toEqual(new Set([bucket]));
        const fresh = ids.filter((id) => id >= firstNewId);
        expect(fresh).toEqual(Array.from({ length: newKeys }, (_, at) => next + at));
        expect(newKeyBytes.equals(Buffer.concat(fresh.map((id) => keys.bytesOf(id))))).toBe(true);
        next += newKeys;
      }
    }
  });

  it('make a chunk even when there are none, so that the offset advances', () => {
    const pending = new PendingRows(7, 0);
    const log = createWindowLog({ seed: 7, messages: 1, keys: 1 });
    pending.add({
      ...log.delta(copyKeys(undefined), log.fromOffset, log.endOffset),
      length: 0,
      fromOffset: 7,
      nextOffset: 9,
    });
    expect(pending.isEmpty).toBe(false);
    expect(pending.takeChunks(copyKeys(undefined), 0, 10)).toMatchObject([{ bucket: 0, newKeys: 0 }]);
    expect(pending.isEmpty).toBe(true);
  });
});

/** Pulses in all rows. */
function countOf(chunks: readonly { rows: Buffer }[]): number {
  const counts = chunks.flatMap(({ rows }) => idsOf(rows).map((_, row) => rows.readDoubleLE(row * ROW_BYTES + 40)));
  return counts.reduce((sum, count) => sum + count, 0);
}
