// Turns a batch of the log into runs of messages, as the pipeline takes them.
//
// Values are copied side by side into memory that is used again for the next batch: Kafka's records have headers of varying
// length between them. A tick, which only proves that time has passed, is no message. A record without value is an empty
// message: the pipeline says what is wrong with it.
// Guarantees: every record from the offset on is in one run, or is a tick. Bounds: memory of the largest batch, and between
// large ones at most `KEPT_BYTES_MAX`.

import { decompress } from '../records/compression';
import type { RecordBatch } from '../records/record-batch';
import { RecordCursor } from '../records/record-cursor';

/** Header of a tick's record, whose value is empty. */
export const TICK_HEADER = Buffer.from('pulses-tick');

/** A run of consecutive offsets, or a tick. */
export type Piece = RunPiece | { readonly kind: 'tick'; readonly nextOffset: number };

export interface RunPiece {
  readonly kind: 'run';
  readonly baseOffset: number;
  readonly nextOffset: number;
  /** In the bytes of the decoder. */
  readonly start: number;
  readonly ends: Int32Array;
}

const KEPT_BYTES_MAX = 4 * 1024 * 1024;

export class RecordsDecoder {
  #values = Buffer.alloc(0);
  #ends = new Int32Array(0);

  /** Values of the last batch, one after another. */
  get bytes(): Buffer {
    return this.#values;
  }

  /**
   * The pieces of a batch from an offset on. Those of the batch before are no longer valid.
   * @param where names the batch, for messages
   * @throws PulsesError for a batch that can't be read
   */
  decode(batch: RecordBatch, fromOffset: number, where: string): Piece[] {
    const records = decompress(batch.codec, batch.records, where);
    this.#reserve(records.length, batch.recordCount);
    const [values, ends] = [this.#values, this.#ends];
    const pieces: Piece[] = [];
    const cursor = new RecordCursor(records, batch.recordCount, where);
    let [count, length] = [0, 0];
    let [runOffset, runCount, runStart] = [-1, 0, 0];
    const endRun = () => {
      if (runCount < count)
        pieces.push({
          kind: 'run',
          baseOffset: runOffset,
          nextOffset: runOffset + count - runCount,
          start: runStart,
          ends: ends.subarray(runCount, count),
        });
      [runCount, runStart] = [count, length];
    };
    while (cursor.next()) {
      const offset = batch.baseOffset + cursor.offsetDelta;
      if (offset < fromOffset) continue;
      if (cursor.headerCount > 0 && cursor.valueLength <= 0 && cursor.hasHeader(TICK_HEADER)) {
        endRun();
        pieces.push({ kind: 'tick', nextOffset: offset + 1 });
        continue;
      }
      if (offset !== runOffset + count - runCount) {
        endRun();
        runOffset = offset;
      } else if (runCount === count) runOffset = offset;
      if (cursor.valueLength > 0) {
        records.copy(values, length, cursor.valueStart, cursor.valueStart + cursor.valueLength);
        length += cursor.valueLength;
      }
      ends[count] = length;
      count += 1;
    }
    endRun();
    return pieces;
  }

  #reserve(byteCount: number, recordCount: number): void {
    const isTooLarge = this.#values.length > KEPT_BYTES_MAX && byteCount <= KEPT_BYTES_MAX;
    if (this.#values.length < byteCount || isTooLarge) this.#values = Buffer.allocUnsafeSlow(byteCount);
    if (this.#ends.length < recordCount) this.#ends = new Int32Array(recordCount);
  }
}
