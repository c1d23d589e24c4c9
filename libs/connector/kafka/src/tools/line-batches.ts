// Turns record batches of the log into batches of lines, as tools read them.
//
// Guarantees: every record of the range with the key is in one line batch, in order; ticks, which only prove that time has
// passed, are in none. A record without value is an empty message. Times never fall within one reader.

import type { StoredBatch } from '@pulses/connector-api';
import { decompress } from '../records/compression';
import type { RecordBatch } from '../records/record-batch';
import { RecordCursor } from '../records/record-cursor';
import { TICK_HEADER } from '../source/records-decoder';

const LINE_FEED = 10;

/** A run with the key that all its messages have, where runs are told apart by keys. */
export interface KeyedRun {
  readonly key: Buffer | undefined;
  readonly run: StoredBatch;
}

export interface LineSelection {
  readonly fromOffset: number;
  readonly untilOffset: number;
  /** Only records with this key; undefined for all. */
  readonly key: Buffer | undefined;
  /** Ends a run where the key changes. */
  readonly splitsByKey?: boolean;
}

export class LineBatches {
  readonly #selection: LineSelection;
  readonly #log: string;
  #timestampMs = 0;

  /** @param log names topic and partition, for messages */
  constructor(selection: LineSelection, log: string) {
    this.#selection = selection;
    this.#log = log;
  }

  /** The lines of a batch: a run of consecutive offsets each. @throws PulsesError for a batch that can't be read */
  runsOf(batch: RecordBatch): KeyedRun[] {
    const { fromOffset, untilOffset, key, splitsByKey = false } = this.#selection;
    const where = `${this.#log}: the batch at offset ${batch.baseOffset}`;
    const records = decompress(batch.codec, batch.records, where);
    // A record takes at least as many bytes beside its value as its line feed.
    const lines = Buffer.allocUnsafe(records.length);
    const ends = new Int32Array(batch.recordCount);
    const cursor = new RecordCursor(records, batch.recordCount, where);
    const runs: KeyedRun[] = [];
    let runKey: Buffer | undefined;
    let [length, count, start, first, baseOffset] = [0, 0, 0, 0, 0];
    const endRun = () => {
      if (first < count)
        runs.push({
          key: runKey,
          run: {
            baseOffset,
            recordCount: count - first,
            timestampMs: this.#timestampMs,
            payload: lines.subarray(start, length),
            ends: start === 0 ? ends.subarray(first, count) : ends.subarray(first, count).map((end) => end - start),
          },
        });
      [start, first] = [length, count];
    };
    while (cursor.next()) {
      const offset = batch.baseOffset + cursor.offsetDelta;
      if (offset < fromOffset || offset >= untilOffset) continue;
      if (key !== undefined && !hasKey(cursor, records, key)) continue;
      if (cursor.headerCount > 0 && cursor.valueLength <= 0 && cursor.hasHeader(TICK_HEADER)) continue;
      const timestampMs = batch.isLogAppendTime ? batch.maxTimestampMs : batch.baseTimestampMs + cursor.timestampDelta;
      const isOtherKey = splitsByKey && !hasKey(cursor, records, runKey);
      if (offset !== baseOffset + count - first || timestampMs > this.#timestampMs || isOtherKey) {
        endRun();
        baseOffset = offset;
        if (isOtherKey) runKey = keyOf(cursor, records);
        this.#timestampMs = Math.max(this.#timestampMs, timestampMs);
      }
      if (cursor.valueLength > 0)
        length += records.copy(lines, length, cursor.valueStart, cursor.valueStart + cursor.valueLength);
      ends[count] = length;
      lines[length] = LINE_FEED;
      length += 1;
      count += 1;
    }
    endRun();
    return runs;
  }
}

function keyOf({ keyStart, keyLength }: RecordCursor, records: Buffer): Buffer | undefined {
  return keyLength < 0 ? undefined : Buffer.from(records.subarray(keyStart, keyStart + keyLength));
}

function hasKey({ keyStart, keyLength }: RecordCursor, records: Buffer, key: Buffer | undefined): boolean {
  if (key === undefined) return keyLength < 0;
  return keyLength === key.length && records.compare(key, 0, key.length, keyStart, keyStart + keyLength) === 0;
}
