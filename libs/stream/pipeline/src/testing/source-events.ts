// The source side of a session of the sim log: the log cut into events at random, each spoilt when the next is asked for.

import type { SourceEvent, SourceRecords } from '@pulses/connector-api';
import type { PulsesError } from '@pulses/shared-errors';
import type { Random } from '@pulses/shared-ports';
import type { LoggedMessage } from './logged-message';

export interface SourceEvents {
  start(fromOffset: number): void;
  next(): Promise<SourceEvent>;
  /** Something was appended, or the clock moved. */
  wake(): void;
  fail(error: PulsesError): void;
}

export interface SourceEventsOptions {
  readonly messages: readonly LoggedMessage[];
  readonly random: Random;
  readonly eventRecordsMax?: number;
  clockMs(): number;
}

const EVENT_RECORDS_MAX = 7;
const FILLING = 0x7d;

export function createSourceEvents(options: SourceEventsOptions): SourceEvents {
  const { messages, random, eventRecordsMax = EVENT_RECORDS_MAX, clockMs } = options;
  let cursor = 0;
  let toldClockMs = -1;
  let failure: PulsesError | undefined;
  let given: SourceRecords | undefined;
  let waiting: PromiseWithResolvers<SourceEvent> | undefined;

  const take = (): SourceEvent | undefined => {
    const first = messages[cursor];
    if (first !== undefined) {
      const most = cursor + 1 + Math.floor(random.fraction() * eventRecordsMax);
      let end = cursor + 1;
      while (end < most && messages[end]?.timestampMs === first.timestampMs) end += 1;
      given = recordsOf(messages.slice(cursor, end), random);
      cursor = end;
      toldClockMs = -1;
      return given;
    }
    if (clockMs() <= toldClockMs) return undefined;
    toldClockMs = clockMs();
    return { kind: 'head', nextOffset: cursor, clockMs: toldClockMs };
  };

  return {
    start(fromOffset) {
      cursor = fromOffset;
    },
    next() {
      given?.bytes.fill(FILLING);
      given?.ends.fill(-1);
      given = undefined;
      if (failure !== undefined) return Promise.reject(failure);
      const event = take();
      if (event !== undefined) return Promise.resolve(event);
      waiting = Promise.withResolvers<SourceEvent>();
      return waiting.promise;
    },
    wake() {
      const event = waiting === undefined ? undefined : take();
      if (event === undefined) return;
      waiting?.resolve(event);
      waiting = undefined;
    },
    fail(error) {
      failure ??= error;
      waiting?.reject(failure);
      waiting = undefined;
    },
  };
}

/** Lays messages out with a start and a gap of their own. */
function recordsOf(messages: readonly LoggedMessage[], random: Random): SourceRecords {
  const start = Math.floor(random.fraction() * 3);
  const gap = Math.floor(random.fraction() * 3);
  const ends = new Int32Array(messages.length + 2);
  const parts: Uint8Array[] = [Buffer.alloc(start, FILLING)];
  let at = start;
  messages.forEach(({ bytes }, index) => {
    parts.push(bytes, Buffer.alloc(gap, FILLING));
    ends[index] = at + bytes.byteLength;
    at += bytes.byteLength + gap;
  });
  const { offset = 0, timestampMs = 0 } = messages[0] ?? {};
  return {
    kind: 'records',
    baseOffset: offset,
    recordCount: messages.length,
    timestampMs,
    bytes: Buffer.concat(parts),
    start,
    ends,
    gap,
  };
}
