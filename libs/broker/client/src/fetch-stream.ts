// One fetch stream as a sequence of events that the consumer pulls.
//
// Guarantees: events in the order sent, and a head only when nothing had come behind it; credit goes back to the broker only
// for what the consumer took, so at most about `creditBytes` wait here.

import type { RecordBatch, Response } from '@pulses/broker-wire';
import { PulsesError } from '@pulses/shared-errors';
import { errorOf } from './error-of';

export type FetchEvent =
  | {
      readonly kind: 'records';
      readonly batch: RecordBatch;
      /** With the last batch of a large frame that has memory of its own: what all of its batches lie in, to be freed by who is done with them. */
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

/** The side that the connection fills. */
export interface FetchStreamFeed {
  /** @param memory of the response's frame; see Frame */
  push(response: Response, memory?: ArrayBufferLike): 'open' | 'ended';
  fail(error: PulsesError): void;
}

interface StreamControl {
  credit(bytes: number): void;
  stop(): void;
}

export function createFetchStream(
  creditBytes: number,
  open: (feed: (control: StreamControl) => FetchStreamFeed) => void,
): FetchStream {
  const events: FetchEvent[] = [];
  let failure: PulsesError | undefined;
  let control: StreamControl = { credit: () => undefined, stop: () => undefined };
  let takenBytes = 0;
  let waiting: { resolve(event: FetchEvent): void; reject(error: PulsesError): void } | undefined;

  const give = (event: FetchEvent) => {
    if (event.kind === 'records') {
      takenBytes += event.batch.payload.byteLength;
      // In halves, so that a credit message is rare and the broker never runs dry.
      if (takenBytes >= creditBytes / 2) {
        control.credit(takenBytes);
        takenBytes = 0;
      }
    }
    return event;
  };

  const arrive = (event: FetchEvent) => {
    if (waiting !== undefined) {
      const { resolve } = waiting;
      waiting = undefined;
      resolve(give(event));
      return;
    }
    // A head that has something behind it is none any more.
    if (events.at(-1)?.kind === 'head') events.pop();
    events.push(event);
  };

  const fail = (error: PulsesError) => {
    failure ??= error;
    waiting?.reject(failure);
    waiting = undefined;
  };

  open((given) => {
    control = given;
    return {
      fail,
      push(response, memory) {
        switch (response.type) {
          case 'records':
            response.batches.forEach((batch, index, { length }) => {
              arrive({ kind: 'records', batch, memory: index === length - 1 ? memory : undefined });
            });
            return 'open';
          case 'head':
            arrive({ kind: 'head', nextOffset: response.nextOffset, clockMs: response.clockMs });
            return 'open';
          case 'fetch-started':
            return 'open';
          case 'error':
            fail(errorOf(response));
            return 'ended';
          default:
            fail(new PulsesError('PROTOCOL_VIOLATION', `${response.type} came on a fetch stream`));
            return 'ended';
        }
      },
    };
  });

  const next = (): Promise<FetchEvent> => {
    const event = events.shift();
    if (event !== undefined) return Promise.resolve(give(event));
    if (failure !== undefined) return Promise.reject(failure);
    return new Promise((resolve, reject) => {
      waiting = { resolve, reject };
    });
  };

  return {
    next,
    async nextAll() {
      if (events.length === 0) {
        const first = await next();
        return [first, ...events.splice(0).map(give)];
      }
      return events.splice(0).map(give);
    },
    close() {
      control.stop();
      events.length = 0;
      fail(new PulsesError('CONNECTION_LOST', 'the stream was closed'));
    },
  };
}
