// One fetch stream: a queue of events that the connection fills and the consumer pulls.
//
// Guarantees: events come in the order sent. A head is dropped once something has come behind it. Credit returns to the
// broker only for what the consumer took. Messages that are not what their checksum says end the stream, and none of
// their frame come out. Bounds: about `creditBytes` wait here.

import type { RecordBatch, Response } from '@pulses/broker-wire';
import { PulsesError } from '@pulses/shared-errors';
import { crc32 } from 'node:zlib';
import type { ResponseStream, StreamControl } from './connection';
import { errorOf } from './error-of';

export type FetchEvent =
  | {
      readonly kind: 'records';
      readonly batch: RecordBatch;
      /**
       * Set on the last batch of a large frame: the buffer shared by all its batches. The consumer frees it when done
       * (`freeMemory`).
       */
      readonly memory?: ArrayBufferLike | undefined;
    }
  /** See `head` of the protocol. */
  | { readonly kind: 'head'; readonly nextOffset: number; readonly clockMs: number };

export interface FetchStream {
  /** The next event; one call at a time. @throws PulsesError when the stream has failed; CONNECTION_LOST after `close` */
  next(): Promise<FetchEvent>;
  /** All events that wait, at least one: a promise for many small batches. Otherwise like `next`. */
  nextAll(): Promise<readonly FetchEvent[]>;
  close(): void;
}

export class FetchEventQueue implements FetchStream, ResponseStream {
  readonly #creditBytes: number;
  readonly #control: StreamControl;
  readonly #events: FetchEvent[] = [];
  #failure: PulsesError | undefined;
  /** Taken by the consumer, and not yet told to the broker. */
  #takenBytes = 0;
  #waiting: { resolve(event: FetchEvent): void; reject(error: PulsesError): void } | undefined;

  constructor(creditBytes: number, control: StreamControl) {
    this.#creditBytes = creditBytes;
    this.#control = control;
  }

  next(): Promise<FetchEvent> {
    const event = this.#events.shift();
    if (event !== undefined) return Promise.resolve(this.#take(event));
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  async nextAll(): Promise<readonly FetchEvent[]> {
    const first = this.#events.length === 0 ? [await this.next()] : [];
    return [...first, ...this.#events.splice(0).map((event) => this.#take(event))];
  }

  close(): void {
    this.#control.stop();
    this.#events.length = 0;
    this.fail(new PulsesError('CONNECTION_LOST', 'the stream was closed'));
  }

  push(response: Response, memory?: ArrayBufferLike): 'open' | 'ended' {
    switch (response.type) {
      case 'records': {
        const { batches } = response;
        const damaged = batches.find(({ payload, payloadCrc }) => crc32(payload) !== payloadCrc);
        if (damaged !== undefined) {
          const what = `the messages from offset ${damaged.baseOffset} on are not what their checksum says`;
          this.#control.stop();
          this.fail(new PulsesError('PROTOCOL_VIOLATION', what));
          return 'ended';
        }
        for (const [index, batch] of batches.entries())
          this.#arrive({ kind: 'records', batch, memory: index === batches.length - 1 ? memory : undefined });
        return 'open';
      }
      case 'head':
        this.#arrive({ kind: 'head', nextOffset: response.nextOffset, clockMs: response.clockMs });
        return 'open';
      case 'fetch-started':
        return 'open';
      case 'error':
        this.fail(errorOf(response));
        return 'ended';
      default:
        this.fail(new PulsesError('PROTOCOL_VIOLATION', `${response.type} came on a fetch stream`));
        return 'ended';
    }
  }

  fail(error: PulsesError): void {
    this.#failure ??= error;
    this.#waiting?.reject(this.#failure);
    this.#waiting = undefined;
  }

  #arrive(event: FetchEvent): void {
    if (this.#waiting !== undefined) {
      const { resolve } = this.#waiting;
      this.#waiting = undefined;
      resolve(this.#take(event));
      return;
    }
    // A head with something behind it is no head any more.
    if (this.#events.at(-1)?.kind === 'head') this.#events.pop();
    this.#events.push(event);
  }

  #take(event: FetchEvent): FetchEvent {
    if (event.kind === 'records') {
      this.#takenBytes += event.batch.payload.byteLength;
      // In halves, so that credit messages are rare and the broker never runs out of credit.
      if (this.#takenBytes >= this.#creditBytes / 2) {
        this.#control.credit(this.#takenBytes);
        this.#takenBytes = 0;
      }
    }
    return event;
  }
}
