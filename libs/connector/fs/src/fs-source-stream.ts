// A fetch stream as the pipeline's source. Frees the memory of an event when the next one is asked for.

import type { FetchStream } from '@pulses/broker-client';
import { freeMemory, recordEnds } from '@pulses/broker-wire';
import type { SourceEvent, SourceStream } from '@pulses/connector-api';

export class FsSourceStream implements SourceStream {
  readonly #stream: FetchStream;
  /** Grows with the largest batch; used again for each event. */
  #ends = new Int32Array(0);
  /** Of the last event. */
  #memory: ArrayBufferLike | undefined;

  constructor(stream: FetchStream) {
    this.#stream = stream;
  }

  async next(): Promise<SourceEvent> {
    freeMemory(this.#memory);
    this.#memory = undefined;
    const event = await this.#stream.next();
    if (event.kind === 'head') return event;
    this.#memory = event.memory;
    const { baseOffset, recordCount, timestampMs, payload } = event.batch;
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
