// Group commit: what has come while the last frames were written is written together, and answered together once it is
// durable.
//
// Guarantees: requests are decided in the order of `enqueue`; a request's promise settles after its frame is durable
// and applied, or with an error and no effect; nothing is applied that was not written. A full disk refuses the
// requests of one group and no others. A failed write or fdatasync ends the queue: what waits, and all that comes,
// is refused with STORAGE_FAILED.
// Bounds: `pendingBytesMax` of payload waiting or under way, `groupBytesMax` in one write (or one larger request).

import { isPulsesError, PulsesError, type ErrorCode } from '@pulses/shared-errors';
import { failpoint } from '@pulses/shared-failpoints';
import { storageFailed } from '../disk/disk-errors';
import type { Journal, PlacedFrame } from '../journal/journal';
import type { LogClock } from './log-clock';
import type { Outcome, Staging } from './staging';

/** What a request costs beside its payload. */
const REQUEST_OVERHEAD_BYTES = 512;
/** Requests that were answered and are still at the start of the array. */
const ANSWERED_KEPT_MAX = 1_024;
/** Groups in a row before the event loop has its turn. Written in place, they wait for nothing that lets it turn. */
const GROUPS_A_TURN_MAX = 16;

export interface QueuedRequest<T> {
  readonly payloadBytes: number;
  /** True when no other request may be in its group. */
  readonly isAlone: boolean;
  /** True when it changes nothing, and so succeeds also when the group before it finds no room. */
  readonly isRead: boolean;
  /** Decides the request. @throws PulsesError to refuse it */
  stage(): Outcome<T>;
  /** Called when it is refused with a code that asks to try again. */
  readonly onRefused?: ((code: ErrorCode) => void) | undefined;
}

export interface CommitQueueOptions {
  readonly journal: Journal;
  readonly staging: Staging;
  readonly clock: LogClock;
  readonly groupBytesMax: number;
  readonly pendingBytesMax: number;
  readonly syncsEachGroup: boolean;
  /** The frames are durable: makes them visible, before their requests are answered. */
  onDurable(frames: readonly PlacedFrame[]): void;
  /** A full disk has refused a group. */
  onFull(): void;
  /** Called once, when the queue has ended for good. */
  onFailed(error: PulsesError): void;
  /** Asked before each group. `busy`: it waits, until `nudge` makes the queue ask again. */
  room(): Room;
}

/** Room for another group: an error refuses it. */
export type Room = 'free' | 'busy' | PulsesError;

interface Waiting {
  readonly request: QueuedRequest<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface Staged {
  readonly waiting: Waiting;
  readonly outcome: Outcome<unknown>;
}

type State = { readonly kind: 'open' } | { readonly kind: 'closing' } | { readonly kind: 'failed'; error: PulsesError };

export class CommitQueue {
  readonly #options: CommitQueueOptions;
  #state: State = { kind: 'open' };
  #queue: Waiting[] = [];
  #head = 0;
  #works: (() => Promise<void>)[] = [];
  #pendingBytes = 0;
  #running: Promise<void> | undefined;
  #isBusy = false;
  #nudged: PromiseWithResolvers<void> | undefined;

  constructor(options: CommitQueueOptions) {
    this.#options = options;
  }

  /** True while a group is on its way, or work between two. */
  get isWorking(): boolean {
    return this.#isBusy || this.#head < this.#queue.length || this.#works.length > 0;
  }

  /** True once it has ended for good. */
  get hasFailed(): boolean {
    return this.#state.kind === 'failed';
  }

  /** @throws PulsesError (rejects) OVERLOADED, SHUTTING_DOWN, STORAGE_FAILED, STORAGE_FULL, and those of `stage` */
  enqueue<T>(request: QueuedRequest<T>): Promise<T> {
    const refusal = this.#refusalOf(request);
    if (refusal !== undefined) {
      if (refusal.retriable) request.onRefused?.(refusal.code);
      return Promise.reject(refusal);
    }
    this.#pendingBytes += costOf(request);
    const result = new Promise<T>((resolve, reject) => {
      // The queue holds requests of many kinds; each resolves with what its own `stage` gave.
      this.#queue.push({ request, resolve: resolve as (value: unknown) => void, reject });
    });
    this.#kick();
    return result;
  }

  /** Like `enqueue`, for a change of the log's own: it comes before all that waits, and needs no room. */
  store<T>(stage: () => Outcome<T>): Promise<T> {
    if (this.#state.kind === 'closing') return Promise.reject(new PulsesError('SHUTTING_DOWN'));
    const request = { payloadBytes: 0, isAlone: true, isRead: false, stage };
    return new Promise<T>((resolve, reject) => {
      this.#pendingBytes += costOf(request);
      const waiting = { request, resolve: resolve as (value: unknown) => void, reject };
      this.#works.push(async () => {
        if (this.#state.kind === 'failed') reject(this.#state.error);
        else await this.#commitGroup([waiting], 'free');
      });
      this.#kick();
    });
  }

  /** There may be room. */
  nudge(): void {
    this.#nudged?.resolve();
  }

  /** Runs `work` between two groups, alone. */
  between<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = (): Promise<T> => (this.#state.kind === 'failed' ? Promise.reject(this.#state.error) : work());
      this.#works.push(() => run().then(resolve, reject));
      this.#kick();
    });
  }

  /** Refuses new requests and waits for those under way. */
  async close(): Promise<void> {
    if (this.#state.kind === 'open') this.#state = { kind: 'closing' };
    while (this.#running !== undefined) await this.#running;
  }

  /** Ends the queue because something else has failed. */
  fail(error: PulsesError): void {
    if (this.#state.kind === 'failed') return;
    this.#state = { kind: 'failed', error };
    const waiting = this.#queue.slice(this.#head);
    this.#queue = [];
    this.#head = 0;
    this.#pendingBytes = 0;
    for (const one of waiting) one.reject(error);
    this.nudge();
    this.#options.onFailed(error);
  }

  #refusalOf(request: QueuedRequest<unknown>): PulsesError | undefined {
    if (this.#state.kind === 'failed') return this.#state.error;
    if (this.#state.kind === 'closing') return new PulsesError('SHUTTING_DOWN');
    const { pendingBytesMax } = this.#options;
    if (this.#pendingBytes === 0 || this.#pendingBytes + costOf(request) <= pendingBytesMax) return undefined;
    return new PulsesError('OVERLOADED', `${pendingBytesMax} bytes are waiting to be written, the limit`);
  }

  #kick(): void {
    this.#running ??= this.#run();
    this.nudge();
  }

  async #run(): Promise<void> {
    // What the same turn of the event loop brings is one group, of all connections.
    await nextTurn();
    let groups = 0;
    while (this.#state.kind !== 'failed' && (this.#head < this.#queue.length || this.#works.length > 0)) {
      await this.#runWorks();
      // Work that came meanwhile may be what makes room.
      if (this.#head === this.#queue.length || this.#works.length > 0) continue;
      const room = this.#options.room();
      if (room === 'busy') {
        this.#nudged = Promise.withResolvers();
        await this.#nudged.promise;
        continue;
      }
      await this.#commitGroup(this.#takeGroup(), room);
      groups += 1;
      if (groups % GROUPS_A_TURN_MAX === 0) await nextTurn();
    }
    this.#running = undefined;
    // Work that came with a failure still has to be told.
    await this.#runWorks();
  }

  async #runWorks(): Promise<void> {
    const works = this.#works;
    if (works.length === 0) return;
    this.#works = [];
    this.#isBusy = true;
    for (const work of works) await work();
    this.#isBusy = false;
  }

  #takeGroup(): Waiting[] {
    const group: Waiting[] = [];
    let bytes = 0;
    while (this.#head < this.#queue.length) {
      const waiting = this.#queue[this.#head]!; // below the length
      const { request } = waiting;
      if (group.length > 0 && (request.isAlone || bytes + request.payloadBytes > this.#options.groupBytesMax)) break;
      group.push(waiting);
      this.#head += 1;
      bytes += request.payloadBytes;
      if (request.isAlone) break;
    }
    if (this.#head === this.#queue.length || this.#head >= ANSWERED_KEPT_MAX) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    return group;
  }

  async #commitGroup(group: readonly Waiting[], room: 'free' | PulsesError): Promise<void> {
    const { clock, staging, journal } = this.#options;
    this.#isBusy = true;
    let staged: Staged[] | undefined;
    let refusal: PulsesError | undefined;
    try {
      if (room !== 'free') throw room;
      await journal.prepare();
      const timestampMs = clock.hold();
      staged = this.#stageGroup(group, timestampMs);
      if (journal.stagedBytes > 0) await this.#write();
    } catch (error) {
      refusal = this.#refusalFor(error);
      if (refusal.code === 'STORAGE_FULL' && staged !== undefined) staging.abandon();
    }
    clock.release();
    this.#isBusy = false;
    if (refusal !== undefined && refusal.code !== 'STORAGE_FULL') {
      for (const { waiting } of staged ?? group.map((waiting) => ({ waiting }))) waiting.reject(refusal);
      this.fail(refusal);
      return;
    }
    for (const { request } of group) this.#pendingBytes -= costOf(request);
    // Without room for a segment nothing was decided; what only reads is, now.
    staged ??= this.#stageGroup(group, clock.now(), refusal);
    for (const { waiting, outcome } of staged) {
      if (refusal === undefined || waiting.request.isRead) waiting.resolve(outcome());
      else refuse(waiting, refusal);
    }
  }

  async #write(): Promise<void> {
    const { journal, staging, syncsEachGroup } = this.#options;
    await journal.write();
    if (syncsEachGroup) await journal.sync();
    this.#options.onDurable(staging.frames);
    failpoint('group-commit.after-apply');
  }

  #refusalFor(error: unknown): PulsesError {
    if (!isPulsesError(error, 'STORAGE_FULL')) return storageFailed('the journal failed', error);
    this.#options.onFull();
    return error;
  }

  /** @param refusal of all that changes something */
  #stageGroup(group: readonly Waiting[], timestampMs: number, refusal?: PulsesError): Staged[] {
    this.#options.staging.begin(timestampMs);
    const staged: Staged[] = [];
    for (const waiting of group) {
      try {
        if (refusal !== undefined && !waiting.request.isRead) throw refusal;
        staged.push({ waiting, outcome: waiting.request.stage() });
      } catch (error) {
        refuse(waiting, error);
      }
    }
    return staged;
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function costOf(request: QueuedRequest<unknown>): number {
  return request.payloadBytes + REQUEST_OVERHEAD_BYTES;
}

function refuse(waiting: Waiting, error: unknown): void {
  if (isPulsesError(error) && error.retriable) waiting.request.onRefused?.(error.code);
  waiting.reject(error);
}
