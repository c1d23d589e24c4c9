// Hides what aborted transactions wrote (read_committed).
//
// A fetch answer lists the aborted transactions that overlap its range: producer and first offset of each. Such a producer's
// transactional batches are hidden from that offset on, up to its abort marker. One producer may have aborted many times in
// one answer, and a transaction may begin before the answer and end after it.
//
// Guarantees: order of offsets; each batch of the answer is asked about once. Holds for one answer: the next one lists again
// what reaches into it.

import { isAbort, type RecordBatch } from '../records/record-batch';

export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

export class AbortedFilter {
  /** By first offset; the next one to begin comes last. */
  readonly #pending: AbortedTransaction[];
  readonly #active = new Set<bigint>();

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#pending = [...aborted].sort((a, b) => b.firstOffset - a.firstOffset);
  }

  /** True for a batch of messages that no transaction has taken back; false for markers. */
  isCommitted(batch: RecordBatch): boolean {
    for (let next = this.#pending.at(-1); next !== undefined; next = this.#pending.at(-1)) {
      if (next.firstOffset >= batch.nextOffset) break;
      this.#active.add(next.producerId);
      this.#pending.pop();
    }
    if (batch.isControl) {
      if (isAbort(batch)) this.#active.delete(batch.producerId);
      return false;
    }
    return !batch.isTransactional || !this.#active.has(batch.producerId);
  }
}
