// The requests of one connection: their order, and how many may be in flight.
//
// Guarantees: requests take effect in the order they arrived, also when a client sends them without waiting. The log
// keeps the order of mutations; a read waits for the mutations before it. Answers may overtake each other. Nothing
// starts while a slow client does not take its answers, and one read at a time is in flight. So answers that are longer
// than their requests cannot pile up.

import { freeMemory, type Request } from '@pulses/broker-wire';
import { isMutation, isRead } from './requests';

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
  return new OrderedFlow(mayStart, start, onSettled);
}

class OrderedFlow implements RequestFlow {
  count = 0;
  bytes = 0;
  private queue: IncomingRequest[] = [];
  private mutationsUnderWay = 0;
  private readsUnderWay = 0;

  constructor(
    private readonly mayStart: () => boolean,
    private readonly start: (incoming: IncomingRequest) => Promise<void> | undefined,
    private readonly onSettled: () => void,
  ) {}

  push(incoming: IncomingRequest): void {
    this.count += 1;
    this.bytes += incoming.bytes;
    this.queue.push(incoming);
    this.resume();
  }

  resume(): void {
    for (;;) {
      const incoming = this.queue[0];
      if (incoming === undefined || this.readsUnderWay > 0 || !this.mayStart()) return;
      if (this.mutationsUnderWay > 0 && isRead(incoming.request)) return;
      this.queue.shift();
      this.countUnderWay(incoming, 1);
      const answered = this.start(incoming);
      if (answered === undefined) {
        this.countUnderWay(incoming, -1);
        this.release(incoming);
        continue;
      }
      void answered.then(() => {
        this.countUnderWay(incoming, -1);
        this.release(incoming);
        this.resume();
        this.onSettled();
      });
    }
  }

  drain(): readonly IncomingRequest[] {
    const rest = this.queue;
    this.queue = [];
    for (const incoming of rest) this.release(incoming);
    return rest;
  }

  private countUnderWay({ request }: IncomingRequest, change: 1 | -1): void {
    if (isMutation(request)) this.mutationsUnderWay += change;
    if (isRead(request)) this.readsUnderWay += change;
  }

  private release({ bytes, memory }: IncomingRequest): void {
    this.count -= 1;
    this.bytes -= bytes;
    freeMemory(memory);
  }
}
