// Reads the batches of a partition, one fetch ahead of what is asked for.
//
// Guarantees: the batches come in order of offsets, none is skipped, and those of aborted transactions do not come. A batch
// that is damaged, or of a format or codec that is not known, is an error.
// Bounds: one answer in use and one on its way, of `bytesMax` each, or of one batch that is larger.

import { PulsesError } from '@pulses/shared-errors';
import type { Cluster } from '../protocol/cluster';
import { fetch, type FetchAnswer } from '../protocol/fetch';
import type { KafkaTopic } from '../protocol/topic-metadata';
import { batchEnd, readBatch, type RecordBatch } from '../records/record-batch';
import { AbortedFilter } from './aborted-filter';

export interface PartitionReaderOptions {
  readonly cluster: Cluster;
  readonly topic: Pick<KafkaTopic, 'name' | 'topicId'>;
  readonly partition: number;
  readonly bytesMax: number;
  readonly fromOffset: number;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
}

/** A committed batch, or the end of what is stable. */
export type ReadStep =
  { readonly kind: 'batch'; readonly batch: RecordBatch } | { readonly kind: 'end'; readonly nextOffset: number };

/** A broker answers at once when something comes. */
const WAIT_MS = 1_000;

interface Answer extends FetchAnswer {
  readonly filter: AbortedFilter;
  /** End of the last whole batch. */
  readonly end: number;
}

export class PartitionReader {
  readonly #options: PartitionReaderOptions;
  readonly #log: string;
  #fetching: Promise<FetchAnswer> | undefined;
  #answer: Answer | undefined;
  /** In the answer's bytes. */
  #at = 0;
  /** Offset after the last batch that was read. */
  #nextOffset: number;

  constructor(options: PartitionReaderOptions) {
    this.#options = options;
    this.#log = `${options.topic.name}/${options.partition}`;
    this.#nextOffset = options.fromOffset;
  }

  /** Names the partition, for messages. */
  get log(): string {
    return this.#log;
  }

  /** The next step. One call at a time. @throws PulsesError, or the signal's reason */
  async next(): Promise<ReadStep> {
    for (;;) {
      this.#options.signal.throwIfAborted();
      const answer = this.#answer ?? (await this.#load());
      const batch = this.#take(answer);
      if (batch !== undefined) return { kind: 'batch', batch };
      this.#answer = undefined;
      if (this.#nextOffset >= answer.lastStableOffset) return { kind: 'end', nextOffset: this.#nextOffset };
    }
  }

  #take(answer: Answer): RecordBatch | undefined {
    while (this.#at < answer.end) {
      const end = batchEnd(answer.batches, this.#at) ?? answer.end;
      const batch = readBatch(answer.batches, this.#at, end, this.#log);
      this.#at = end;
      this.#nextOffset = Math.max(this.#nextOffset, batch.nextOffset);
      if (answer.filter.isCommitted(batch)) return batch;
    }
    return undefined;
  }

  async #load(): Promise<Answer> {
    const answer = await (this.#fetching ?? this.#fetch(this.#nextOffset));
    const { end, nextOffset } = this.#wholeBatches(answer.batches);
    this.#fetching = this.#fetch(nextOffset);
    // Awaited with the next answer; a rejection before that is no unhandled one.
    this.#fetching.catch(() => undefined);
    this.#at = 0;
    this.#answer = { ...answer, filter: new AbortedFilter(answer.aborted), end };
    return this.#answer;
  }

  /** Where the last whole batch ends, and the offset after it. */
  #wholeBatches(batches: Buffer): { end: number; nextOffset: number } {
    let [end, lastOffset] = [0, this.#nextOffset - 1];
    for (let next = batchEnd(batches, 0); next !== undefined && next > end; next = batchEnd(batches, end)) {
      if (next - end < LAST_DELTA_END) break;
      lastOffset = Number(batches.readBigInt64BE(end)) + batches.readInt32BE(end + LAST_DELTA_END - 4);
      end = next;
    }
    if (batches.length > 0 && lastOffset < this.#nextOffset)
      throw new PulsesError('PROTOCOL_VIOLATION', `${this.#log}: no whole batch at offset ${this.#nextOffset}`);
    return { end, nextOffset: lastOffset + 1 };
  }

  async #fetch(offset: number): Promise<FetchAnswer> {
    const { cluster, topic, partition, bytesMax, signal } = this.#options;
    const ask = fetch({ topic, partition, offset, waitMs: WAIT_MS, bytesMax });
    return await cluster.toLeader(topic.name, partition, ask, {
      lane: `fetch-${partition}`,
      signal,
      repeatsLost: false,
    });
  }
}

/** Where a batch's last offset delta ends. */
const LAST_DELTA_END = 27;
