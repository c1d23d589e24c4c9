// The requests of one connection on their way: their order, and how many may be under way.
//
// Guarantees: requests take effect in the order they came, also when they are sent without waiting for answers: the log
// keeps the order of changes, and a request that looks at what is stored waits for the changes before it. Answers may
// overtake each other. Nothing starts while the answers given so far wait for a slow client, and one look at a time
// is under way: answers that are longer than their requests can't pile up.

import { freeMemory, type Request } from '@pulses/broker-wire';
import { isChange, isLook } from './requests';

export interface IncomingRequest {
  readonly correlation: number;
  readonly request: Request;
  /** What it holds in memory. */
  readonly bytes: number;
  /** What of that is freed once it is answered. */
  readonly memory: ArrayBufferLike | undefined;
}

export interface RequestFlow {
  push(incoming: IncomingRequest): void;
  /** The client takes answers again. */
  resume(): void;
  /** Requests that have no answer yet, and their bytes. */
  readonly count: number;
  readonly bytes: number;
  /** Takes back the requests that were not started. */
  drain(): readonly IncomingRequest[];
}

/**
 * @param mayStart false while the client does not take its answers
 * @param start starts a request before it returns; the promise settles when it is answered and never rejects
 * @param onSettled called after each answer
 */
export function createRequestFlow(
  mayStart: () => boolean,
  start: (incoming: IncomingRequest) => Promise<void> | undefined,
  onSettled: () => void,
): RequestFlow {
  let queue: IncomingRequest[] = [];
  let changesUnderWay = 0;
  let looksUnderWay = 0;
  let count = 0;
  let bytes = 0;

  const begin = ({ request }: IncomingRequest): void => {
    if (isChange(request)) changesUnderWay += 1;
    if (isLook(request)) looksUnderWay += 1;
  };

  const settle = ({ request }: IncomingRequest): void => {
    if (isChange(request)) changesUnderWay -= 1;
    if (isLook(request)) looksUnderWay -= 1;
  };

  const release = (incoming: IncomingRequest): void => {
    count -= 1;
    bytes -= incoming.bytes;
    if (incoming.memory !== undefined) freeMemory(incoming.memory);
  };

  const run = (): void => {
    for (;;) {
      const incoming = queue[0];
      if (incoming === undefined || looksUnderWay > 0 || !mayStart()) return;
      if (changesUnderWay > 0 && isLook(incoming.request)) return;
      queue.shift();
      begin(incoming);
      const answered = start(incoming);
      if (answered === undefined) {
        settle(incoming);
        release(incoming);
        continue;
      }
      void answered.then(() => {
        settle(incoming);
        release(incoming);
        run();
        onSettled();
      });
    }
  };

  return {
    push: (incoming) => {
      count += 1;
      bytes += incoming.bytes;
      queue.push(incoming);
      run();
    },
    resume: run,
    get count() {
      return count;
    },
    get bytes() {
      return bytes;
    },
    drain: () => {
      const rest = queue;
      queue = [];
      rest.forEach(release);
      return rest;
    },
  };
}
