// Groups lines by partition and writes them as record batches.
//
// Guarantees: messages of one key go to one partition, as Kafka's own clients choose it, in the order of the calls. Messages
// without a key go to one partition for each call of `add`, by turns.
// Bounds: the caller's; a batch ends at `BATCH_BYTES_MAX`.

import type { KeyOf } from '@pulses/connector-api';
import { partitionOf } from '../output/murmur2';
import { BatchWriter } from '../records/batch-writer';

/** A topic takes batches of 1 MiB by default. */
const BATCH_BYTES_MAX = 900 * 1024;
const LINE_FEED = 10;

export class KeyedBatches {
  readonly #partitionCount: number;
  readonly #keyOf: KeyOf;
  readonly #writers = new Map<number, BatchWriter[]>();
  #turn = 0;

  constructor(partitionCount: number, keyOf: KeyOf) {
    this.#partitionCount = partitionCount;
    this.#keyOf = keyOf;
  }

  /** Copies messages, each followed by a line feed. */
  add(payload: Uint8Array): void {
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    this.#turn = (this.#turn + 1) % this.#partitionCount;
    for (let start = 0; start < bytes.length;) {
      const end = bytes.indexOf(LINE_FEED, start);
      const key = this.#keyOf(bytes, start, end);
      const partition = key === undefined ? this.#turn : partitionOf(key, this.#partitionCount);
      this.#writerFor(partition, key?.length ?? 0, end - start).append(key, bytes, start, end);
      start = end + 1;
    }
  }

  /** What was added, by partition, each a list of batches in order. Begins anew. */
  take(): Map<number, BatchWriter[]> {
    const taken = new Map(this.#writers);
    this.#writers.clear();
    return taken;
  }

  #writerFor(partition: number, keyLength: number, valueLength: number): BatchWriter {
    let writers = this.#writers.get(partition);
    if (writers === undefined) this.#writers.set(partition, (writers = []));
    const last = writers.at(-1);
    if (last?.hasRoomFor(keyLength, valueLength) === true) return last;
    const writer = new BatchWriter(BATCH_BYTES_MAX);
    writers.push(writer);
    return writer;
  }
}
