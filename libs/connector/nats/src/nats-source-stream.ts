// The source as events: runs of messages with one time, and heads.
//
// Ticks prove that time has passed on an idle source. A tick is a message of the source itself, so its timestamp is the
// stream's, and every message before it was read before it. It is hidden from the pipeline. One is sent only while a proof
// is wanted, at the head, and at most once in TICK_MS_MIN. The server stores it only if
// nothing was published meanwhile; when that fails and nothing comes, the last message was deleted, and any tick is right.

import type { SourceEvent, SourceHead, SourceRecords, SourceStream } from '@pulses/connector-api';
import { Condition } from '@pulses/shared-async';
import { PulsesError } from '@pulses/shared-errors';
import type { Clock, Timer } from '@pulses/shared-ports';
import type { LogTime } from './log-time';
import type { SourceClock } from './source-clock';
import type { SourceMessage, SourceReader } from './source/source-reader';

const RUN_MESSAGES_MAX = 4_096;
const RUN_BYTES_MAX = 1024 * 1024;
const TICK_MS_MIN = 1_000;

export interface SourceStreamOptions {
  readonly clock: Clock;
  readonly time: LogTime;
  readonly sourceClock: SourceClock;
  readonly fromOffset: number;
  createReader(onChange: () => void): SourceReader;
  /** Appends a tick; with `offset`, only if it is what the next message gets. Resolves to false when it is not. */
  tick(offset?: number): Promise<boolean>;
  /** Some offsets hold no message. @throws PulsesError OFFSET_OUT_OF_RANGE when the stream has dropped unread ones */
  checkGap(fromOffset: number): Promise<void>;
  /** Something failed: ends the session, and answers its first failure. */
  failed(error: unknown): Promise<PulsesError>;
}

export class NatsSourceStream implements SourceStream {
  readonly #options: SourceStreamOptions;
  readonly #reader: SourceReader;
  readonly #changed = new Condition();
  #nextOffset: number;
  #timeMs = 0;
  /** The head that was handed out last. */
  #head: SourceHead | undefined;
  #proofMs = 0;
  #tickedMs = -Infinity;
  /** The head at which a tick was refused. */
  #refusedAt: number | undefined;
  #tick: Timer | undefined;
  #isTicking = false;
  #end: PulsesError | undefined;
  #bytes = Buffer.allocUnsafeSlow(64 * 1024);
  #ends = new Int32Array(RUN_MESSAGES_MAX);

  constructor(options: SourceStreamOptions) {
    this.#options = options;
    this.#nextOffset = options.fromOffset;
    this.#reader = options.createReader(() => {
      this.#changed.notifyAll();
    });
  }

  async next(): Promise<SourceEvent> {
    try {
      for (;;) {
        if (this.#end !== undefined) throw this.#end;
        const first = this.#reader.peek();
        if (first !== undefined) {
          if (first.sequence > this.#nextOffset) await this.#options.checkGap(this.#nextOffset);
          const event = this.#takeRun(first);
          if (event !== undefined) return event;
          continue;
        }
        if (this.#reader.isAtHead) {
          const head = this.#newHead();
          if (head !== undefined) return head;
          this.#planTick();
        }
        await this.#changed.wait();
      }
    } catch (error) {
      if (this.#end !== undefined) throw this.#end;
      throw await this.#options.failed(error);
    }
  }

  provePast(timeMs: number): void {
    this.#proofMs = timeMs;
    this.#tick?.cancel();
    this.#tick = undefined;
    this.#changed.notifyAll();
  }

  close(): void {
    this.end(new PulsesError('CONNECTION_LOST', 'the stream was closed'));
  }

  /** The session has ended. */
  end(error: PulsesError): void {
    this.#end ??= error;
    this.#tick?.cancel();
    this.#reader.close();
    this.#changed.notifyAll();
  }

  /** Undefined when the messages were ticks. */
  #takeRun(first: SourceMessage): SourceRecords | undefined {
    const baseOffset = first.sequence;
    let timestampMs: number | undefined;
    let count = 0;
    let end = 0;
    for (let message: SourceMessage | undefined = first; message !== undefined; message = this.#reader.peek()) {
      const { sequence, body } = message;
      if (sequence !== baseOffset + count || count === RUN_MESSAGES_MAX || end > RUN_BYTES_MAX) break;
      // A tick may stand in the middle: the run ends there.
      if (message.isTick && count > 0) break;
      const timeMs = this.#timeOf(message);
      if (message.isTick) {
        this.#reader.shift();
        this.#nextOffset = sequence + 1;
        return undefined;
      }
      if (timestampMs !== undefined && timeMs !== timestampMs) break;
      timestampMs = timeMs;
      this.#bytes = withRoom(this.#bytes, end, end + body.byteLength);
      this.#bytes.set(body, end);
      end += body.byteLength;
      this.#ends[count] = end;
      count += 1;
      this.#reader.shift();
    }
    this.#nextOffset = baseOffset + count;
    return {
      kind: 'records',
      baseOffset,
      recordCount: count,
      timestampMs: timestampMs ?? this.#timeMs,
      bytes: this.#bytes,
      start: 0,
      ends: this.#ends,
      gap: 0,
    };
  }

  #timeOf({ sequence, timestampMs }: SourceMessage): number {
    this.#options.sourceClock.saw(timestampMs);
    this.#timeMs = Math.max(this.#timeMs, this.#options.time.of(sequence, timestampMs));
    return this.#timeMs;
  }

  /** A head that says something new. */
  #newHead(): SourceHead | undefined {
    // Behind the last message others may have been deleted.
    const { lastStored } = this.#reader;
    if (lastStored > 0) this.#nextOffset = Math.max(this.#nextOffset, lastStored + 1);
    const head = { kind: 'head', nextOffset: this.#nextOffset, clockMs: this.#timeMs } as const;
    if (this.#head?.nextOffset === head.nextOffset && this.#head.clockMs === head.clockMs) return undefined;
    this.#head = head;
    return head;
  }

  #planTick(): void {
    if (this.#proofMs <= this.#timeMs || this.#tick !== undefined || this.#isTicking) return;
    const { clock, sourceClock } = this.#options;
    const earliestMs = this.#tickedMs + TICK_MS_MIN - clock.monotonicMs();
    this.#tick = clock.setTimer(Math.max(0, earliestMs, sourceClock.untilMs(this.#proofMs)), () => {
      this.#tick = undefined;
      void this.#sendTick();
    });
  }

  async #sendTick(): Promise<void> {
    if (this.#end !== undefined || this.#proofMs <= this.#timeMs || !this.#reader.isAtHead) return;
    this.#tickedMs = this.#options.clock.monotonicMs();
    this.#isTicking = true;
    try {
      const offset = this.#nextOffset;
      const isStored = await this.#options.tick(this.#refusedAt === offset ? undefined : offset);
      this.#refusedAt = isStored ? undefined : offset;
    } catch (error) {
      this.#end ??= await this.#options.failed(error);
    } finally {
      this.#isTicking = false;
      // What is stored comes as a message. Otherwise another tick is planned.
      this.#changed.notifyAll();
    }
  }
}

function withRoom(bytes: Buffer<ArrayBuffer>, usedBytes: number, neededBytes: number): Buffer<ArrayBuffer> {
  if (neededBytes <= bytes.byteLength) return bytes;
  const grown = Buffer.allocUnsafeSlow(Math.max(neededBytes, 2 * bytes.byteLength));
  bytes.copy(grown, 0, 0, usedBytes);
  return grown;
}
