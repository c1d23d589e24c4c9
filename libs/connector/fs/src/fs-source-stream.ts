// A fetch stream as the pipeline's source. Frees the memory of an event when the next one is asked for.
//
// Guarantees: no message is missing. The broker numbers messages alone, so a gap means that one was lost on the way.

import type { FetchStream } from '@pulses/broker-client';
import { freeMemory, recordEnds } from '@pulses/broker-wire';
import type { SourceEvent, SourceStream } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';

export class FsSourceStream implements SourceStream {
  readonly #stream: Pick<FetchStream, 'next' | 'close'>;
  /** Grows with the largest batch; used again for each event. */
  #ends = new Int32Array(0);
  /** Of the last event. */
  #memory: ArrayBufferLike | undefined;
  #nextOffset: number;

  constructor(stream: Pick<FetchStream, 'next' | 'close'>, fromOffset: number) {
    this.#stream = stream;
    this.#nextOffset = fromOffset;
  }

  /** @throws PulsesError PROTOCOL_VIOLATION when a message is missing */
  async next(): Promise<SourceEvent> {
    freeMemory(this.#memory);
    this.#memory = undefined;
    const event = await this.#stream.next();
    if (event.kind === 'head') return event;
    this.#memory = event.memory;
    const { baseOffset, recordCount, timestampMs, payload } = event.batch;
    if (baseOffset !== this.#nextOffset)
      throw new PulsesError('PROTOCOL_VIOLATION', `offset ${baseOffset} came, ${this.#nextOffset} was next`);
    this.#nextOffset = baseOffset + recordCount;
    this.#ends = recordEnds(payload, recordCount, this.#ends) as Int32Array<ArrayBuffer>;
    return {
      kind: 'records',
      baseOffset,
      recordCount,
      timestampMs,
      bytes: payload,
      start: 0,
      ends: this.#ends,
      gap: 1,
    };
  }

  /** Nothing to do: at the head the broker tells its clock often. */
  provePast(): void {
    return undefined;
  }

  close(): void {
    this.#stream.close();
  }
}
