// Group commit: requests wait here, go into one frame together, and are answered together once it is durable.
//
// Guarantees: requests are decided in the order of `enqueue`; a request's promise settles after its frame is durable
// and applied, or with an error and no effect; nothing is applied that was not written. A full disk refuses the
// requests of one group and no others. A failed write or fdatasync ends the queue: what waits, and all that comes,
// is refused with STORAGE_FAILED.
// Bounds: `pendingBytesMax` of payload waiting or under way, `groupBytesMax` in one frame (or one larger request).

import { isPulsesError, PulsesError, type ErrorCode } from '@pulses/shared-errors';
import { failpoint } from '@pulses/shared-failpoints';
import type { LogClock } from './log-clock';
import type { JournalWriter, WrittenFrame } from './journal-writer';
import type { Outcome, Staging } from './staging';
import { storageFailed } from './storage-errors';

/** What a request costs beside its payload. */
const REQUEST_OVERHEAD_BYTES = 512;

export interface QueuedRequest<T> {
  readonly payloadBytes: number;
  /** True when no other request may be in its frame. */
  readonly isAlone: boolean;
  /** True when it changes nothing, and so succeeds also when the group before it finds no room. */
  readonly isRead: boolean;
  /** Decides the request. @throws PulsesError to refuse it */
  stage(): Outcome<T>;
  /** Called when it is refused with a code that asks to try again. */
  readonly onRefused?: ((code: ErrorCode) => void) | undefined;
}

export interface CommitQueueOptions {
  readonly writer: JournalWriter;
  readonly staging: Staging;
  readonly clock: LogClock;
  readonly groupBytesMax: number;
  readonly pendingBytesMax: number;
  readonly syncsEachGroup: boolean;
  /** The frame is durable: makes it visible, before its requests are answered. */
  onDurable(frame: WrittenFrame, timestampMs: number): void;
  /** A full disk has refused a group. */
  onFull(): void;
  /** Called once, when the queue has ended for good. */
  onFailed(error: PulsesError): void;
  /** Resolves when there is room for another group; called before each. @throws PulsesError STORAGE_FULL */
  beforeGroup(): Promise<void> | undefined;
}

export interface CommitQueue {
  /** @throws PulsesError (rejects) OVERLOADED, SHUTTING_DOWN, STORAGE_FAILED, STORAGE_FULL, and those of `stage` */
  enqueue<T>(request: QueuedRequest<T>): Promise<T>;
  /** Runs `work` between two groups, alone. */
  between<T>(work: () => Promise<T>): Promise<T>;
  readonly pendingBytes: number;
  /** True while a group is on its way, or work between two. */
  readonly isWorking: boolean;
  /** True once it has ended for good. */
  readonly hasFailed: boolean;
  /** Refuses new requests and waits for those under way. */
  close(): Promise<void>;
  /** Ends the queue because something else has failed. */
  fail(error: PulsesError): void;
}

interface Waiting {
  readonly request: QueuedRequest<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface Staged {
  readonly waiting: Waiting;
  readonly outcome: Outcome<unknown>;
}

export function createCommitQueue(options: CommitQueueOptions): CommitQueue {
  const { writer, staging, clock, groupBytesMax, pendingBytesMax } = options;
  let queue: Waiting[] = [];
  let head = 0;
  let works: (() => Promise<void>)[] = [];
  let pendingBytes = 0;
  let failure: PulsesError | undefined;
  let isClosing = false;
  let running: Promise<void> | undefined;

  const costOf = (request: QueuedRequest<unknown>): number => request.payloadBytes + REQUEST_OVERHEAD_BYTES;

  const refuse = (waiting: Waiting, error: unknown): void => {
    if (isPulsesError(error) && error.retriable) waiting.request.onRefused?.(error.code);
    waiting.reject(error);
  };

  const fail = (error: PulsesError): void => {
    if (failure !== undefined) return;
    failure = error;
    const waiting = queue.slice(head);
    queue = [];
    head = 0;
    pendingBytes = 0;
    for (const one of waiting) one.reject(error);
    options.onFailed(error);
  };

  const takeGroup = (): Waiting[] => {
    const group: Waiting[] = [];
    let bytes = 0;
    while (head < queue.length) {
      const waiting = queue[head]!; // below the length
      const { request } = waiting;
      if (group.length > 0 && (request.isAlone || bytes + request.payloadBytes > groupBytesMax)) break;
      group.push(waiting);
      head += 1;
      bytes += request.payloadBytes;
      if (request.isAlone) break;
    }
    if (head === queue.length) {
      queue = [];
      head = 0;
    } else if (head >= 1024) {
      queue = queue.slice(head);
      head = 0;
    }
    return group;
  };

  const stageGroup = (group: readonly Waiting[], timestampMs: number): Staged[] => {
    staging.begin(timestampMs);
    const staged: Staged[] = [];
    for (const waiting of group) {
      try {
        staged.push({ waiting, outcome: waiting.request.stage() });
      } catch (error) {
        refuse(waiting, error);
      }
    }
    return staged;
  };

  const settle = (staged: readonly Staged[], error: unknown): void => {
    for (const { waiting, outcome } of staged) {
      if (error === undefined || waiting.request.isRead) waiting.resolve(outcome());
      else refuse(waiting, error);
    }
  };

  const writeGroup = async (timestampMs: number): Promise<void> => {
    await options.beforeGroup();
    const frame = await writer.write(timestampMs, staging.entries);
    if (options.syncsEachGroup) await writer.sync();
    options.onDurable(frame, timestampMs);
    failpoint('group-commit.after-apply');
  };

  const commitGroup = async (group: readonly Waiting[]): Promise<void> => {
    const timestampMs = clock.hold();
    const staged = stageGroup(group, timestampMs);
    let refusal: unknown;
    try {
      if (staging.entries.length > 0) await writeGroup(timestampMs);
    } catch (error) {
      if (isPulsesError(error, 'STORAGE_FULL')) options.onFull();
      refusal = isPulsesError(error, 'STORAGE_FULL') ? error : storageFailed('the journal failed', error);
    }
    clock.release();
    const isFatal = isPulsesError(refusal, 'STORAGE_FAILED') || isPulsesError(refusal, 'JOURNAL_CORRUPT');
    if (isFatal) {
      for (const { waiting } of staged) waiting.reject(refusal);
      fail(refusal as PulsesError);
      return;
    }
    for (const waiting of group) pendingBytes -= costOf(waiting.request);
    settle(staged, refusal);
  };

  const run = async (): Promise<void> => {
    // Lets what the same turn of the event loop brings gather.
    await Promise.resolve();
    while (failure === undefined && (head < queue.length || works.length > 0)) {
      const due = works;
      works = [];
      for (const work of due) await work();
      const group = takeGroup();
      if (group.length > 0) await commitGroup(group);
    }
    running = undefined;
    // Work that came with a failure still has to be told.
    const due = works;
    works = [];
    for (const work of due) await work();
  };

  const kick = (): void => {
    running ??= run();
  };

  const refusalOf = (request: QueuedRequest<unknown>): PulsesError | undefined => {
    if (failure !== undefined) return failure;
    if (isClosing) return new PulsesError('SHUTTING_DOWN');
    if (pendingBytes === 0 || pendingBytes + costOf(request) <= pendingBytesMax) return undefined;
    return new PulsesError('OVERLOADED', `${pendingBytesMax} bytes are waiting to be written, the limit`);
  };

  return {
    get pendingBytes() {
      return pendingBytes;
    },
    get isWorking() {
      return running !== undefined;
    },
    get hasFailed() {
      return failure !== undefined;
    },
    enqueue: <T>(request: QueuedRequest<T>): Promise<T> => {
      const refusal = refusalOf(request);
      if (refusal !== undefined) {
        if (refusal.retriable) request.onRefused?.(refusal.code);
        return Promise.reject(refusal);
      }
      pendingBytes += costOf(request);
      const result = new Promise<T>((resolve, reject) => {
        // The queue holds requests of many kinds; each resolves with what its own `stage` gave.
        queue.push({ request, resolve: resolve as (value: unknown) => void, reject });
      });
      kick();
      return result;
    },
    between: (work) =>
      new Promise((resolve, reject) => {
        works.push(() => (failure === undefined ? work() : Promise.reject(failure)).then(resolve, reject));
        kick();
      }),
    close: async () => {
      isClosing = true;
      while (running !== undefined) await running;
    },
    fail,
  };
}
