// The source side of a session of the simulated log: the log cut into events at random. Each event is overwritten when the
// next one is asked for, so a caller that keeps one is found out.
//
// At the end of a quiet log one head is told, with the time of the last message. Its clock is told only as a proof that
// was asked for, and the proof uses up an offset.

import type { SourceEvent, SourceRecords, SourceStream } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import type { Random } from '@pulses/shared-ports';
import type { LoggedMessage } from './logged-message';

export interface SimStreamOptions {
  readonly fromOffset: number;
  readonly messages: readonly LoggedMessage[];
  readonly random: Random;
  readonly eventRecordsMax: number;
  readonly isQuiet: boolean;
  clockMs(): number;
  /** The offset of the next message. */
  head(): number;
  skipOffset(): void;
  /** Called once, when the stream ends. */
  onEnd(): void;
}

const FILLER = 0x7d;

export class SimStream implements SourceStream {
  readonly #options: SimStreamOptions;
  /** Index of the next message. */
  #cursor: number;
  #wantedMs: number | undefined;
  /** Of the last head at this cursor. */
  #headClockMs = -1;
  #failure: PulsesError | undefined;
  #lent: SourceRecords | undefined;
  #waiting: PromiseWithResolvers<SourceEvent> | undefined;

  constructor(options: SimStreamOptions) {
    this.#options = options;
    this.#cursor = indexOf(options.messages, options.fromOffset);
  }

  next(): Promise<SourceEvent> {
    this.#lent?.bytes.fill(FILLER);
    this.#lent?.ends.fill(-1);
    this.#lent = undefined;
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const event = this.#take();
    if (event !== undefined) return Promise.resolve(event);
    this.#waiting = Promise.withResolvers<SourceEvent>();
    return this.#waiting.promise;
  }

  provePast(timeMs: number): void {
    this.#wantedMs = timeMs;
    this.wake();
  }

  close(): void {
    this.fail(new PulsesError('CONNECTION_LOST', 'the stream was closed'));
  }

  /** Something was appended, or the clock moved. */
  wake(): void {
    const event = this.#waiting === undefined ? undefined : this.#take();
    if (event === undefined) return;
    this.#waiting?.resolve(event);
    this.#waiting = undefined;
  }

  fail(error: PulsesError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#waiting?.reject(error);
    this.#waiting = undefined;
    this.#options.onEnd();
  }

  #take(): SourceEvent | undefined {
    const { messages, random, eventRecordsMax, head } = this.#options;
    const first = messages[this.#cursor];
    if (first !== undefined) {
      const endMax = this.#cursor + 1 + Math.floor(random.fraction() * eventRecordsMax);
      let end = this.#cursor + 1;
      while (end < endMax && messages[end]?.timestampMs === first.timestampMs && isConsecutive(messages, end)) end += 1;
      this.#lent = recordsOf(messages.slice(this.#cursor, end), random);
      this.#cursor = end;
      this.#headClockMs = -1;
      return this.#lent;
    }
    const clockMs = this.#clockToTell();
    if (clockMs <= this.#headClockMs) return undefined;
    this.#headClockMs = clockMs;
    return { kind: 'head', nextOffset: head(), clockMs };
  }

  #clockToTell(): number {
    const { messages, isQuiet, skipOffset } = this.#options;
    const clockMs = this.#options.clockMs();
    if (this.#wantedMs !== undefined && this.#wantedMs <= clockMs) {
      this.#wantedMs = undefined;
      this.#headClockMs = -1;
      if (isQuiet) skipOffset();
      return clockMs;
    }
    return isQuiet ? (messages.at(-1)?.timestampMs ?? 0) : clockMs;
  }
}

function isConsecutive(messages: readonly LoggedMessage[], index: number): boolean {
  return messages[index]?.offset === (messages[index - 1]?.offset ?? NaN) + 1;
}

/** Index of the first message that is not before the offset. */
function indexOf(messages: readonly LoggedMessage[], offset: number): number {
  const index = messages.findIndex((message) => message.offset >= offset);
  return index < 0 ? messages.length : index;
}

/** Lays messages out with a start and a gap of their own. */
function recordsOf(messages: readonly LoggedMessage[], random: Random): SourceRecords {
  const start = Math.floor(random.fraction() * 3);
  const gap = Math.floor(random.fraction() * 3);
  const ends = new Int32Array(messages.length + 2);
  const parts: Uint8Array[] = [Buffer.alloc(start, FILLER)];
  let at = start;
  messages.forEach(({ bytes }, index) => {
    parts.push(bytes, Buffer.alloc(gap, FILLER));
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
