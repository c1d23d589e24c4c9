// Carries full journal segments into runs, in the background, one set of segments at a time.
//
// Guarantees: readers use a run once the frame that says so is durable; a segment is retired only when two checkpoints
// know its runs. Any step may be interrupted, and is done again. A full disk is tried again; any other failure ends the log.
// Bounds: `unsealedBytesMax` of full segments, beyond which commits wait.

import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import { failpoint } from '@pulses/shared-failpoints';
import type { Clock, Logger, Timer } from '@pulses/shared-ports';
import type { Room } from '../commit/commit-queue';
import type { Entry } from '../journal/entries';
import { isFull, isOutOfDescriptors, storageFailed } from '../disk/disk-errors';
import type { TopicTable } from '../topics/topic-table';
import { RunWriter, type RunWriterOptions } from './run-writer';
import { freePlan, planSeal } from './seal-plan';
import type { UnsealedIndex, UnsealedSegment } from './unsealed';

/** Short segments, of many starts, are sealed together. */
const SEGMENTS_MAX = 16;

export interface SealerOptions extends Omit<RunWriterOptions, 'isBehind'> {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly topics: TopicTable;
  readonly unsealed: UnsealedIndex;
  readonly segmentBytesMax: number;
  readonly unsealedBytesMax: number;
  readonly retryDelayMs: number;
  /** Stores the entry. @throws PulsesError */
  store(entry: Extract<Entry, { kind: 'runs-sealed' }>): Promise<void>;
  /** Writes a checkpoint and retires segments. @throws PulsesError; the port's error */
  checkpoint(): Promise<void>;
  /** There may be room for commits that wait. */
  onRoom(): void;
  onFailed(error: PulsesError): void;
}

type State =
  | { readonly kind: 'idle' }
  | { readonly kind: 'sealing'; readonly done: Promise<void> }
  /** The disk was full. */
  | { readonly kind: 'waiting'; readonly timer: Timer; readonly error: PulsesError }
  | { readonly kind: 'stopped' };

export class Sealer {
  readonly #options: SealerOptions;
  readonly #writer: RunWriter;
  #state: State = { kind: 'idle' };
  #isForced = false;
  #isCheckpointDue = false;

  constructor(options: SealerOptions) {
    this.#options = options;
    const { unsealed, segmentBytesMax } = options;
    this.#writer = new RunWriter({ ...options, isBehind: () => unsealed.fullBytes > 2 * segmentBytesMax });
  }

  /** Bytes of the journal that wait to be sealed now. */
  get waitingBytes(): number {
    return this.#isDue() ? this.#options.unsealed.fullBytes : 0;
  }

  /** Begins to seal when there is enough. */
  consider(): void {
    if (this.#state.kind !== 'idle' || !this.#isDue()) return;
    this.#state = { kind: 'sealing', done: this.#run() };
  }

  /** All full segments are sealed, however short. */
  force(): void {
    this.#isForced = true;
    this.consider();
  }

  /** Whether another group of commits may be written. */
  room(): Room {
    if (this.#options.unsealed.fullBytes <= this.#options.unsealedBytesMax) return 'free';
    this.consider();
    if (this.#state.kind === 'waiting') return this.#state.error;
    return this.#state.kind === 'sealing' ? 'busy' : 'free';
  }

  /** Ends after the step that is under way. */
  async stop(): Promise<void> {
    const state = this.#state;
    this.#state = { kind: 'stopped' };
    this.#options.onRoom();
    if (state.kind === 'waiting') state.timer.cancel();
    if (state.kind === 'sealing') await state.done;
  }

  #isDue(): boolean {
    return this.#isCheckpointDue || this.#isSealDue();
  }

  #isSealDue(): boolean {
    const { unsealed, segmentBytesMax } = this.#options;
    const full = unsealed.segments.length - 1;
    return full > 0 && (this.#isForced || full >= SEGMENTS_MAX || unsealed.fullBytes >= segmentBytesMax);
  }

  #isStopped(): boolean {
    return this.#state.kind === 'stopped';
  }

  async #run(): Promise<void> {
    let failure: PulsesError | undefined;
    try {
      while (this.#isDue() && !this.#isStopped()) await this.#seal();
    } catch (error) {
      failure = this.#failureOf(error);
    }
    if (this.#isStopped()) return;
    if (failure === undefined) {
      this.#state = { kind: 'idle' };
      this.#options.onRoom();
      return;
    }
    const timer = this.#options.clock.setTimer(this.#options.retryDelayMs, () => {
      if (this.#state.kind !== 'waiting') return;
      this.#state = { kind: 'idle' };
      this.consider();
    });
    this.#state = { kind: 'waiting', timer, error: failure };
    this.#options.onRoom();
  }

  /** What a commit that waits is told. A failure that ends the log is told to it. */
  #failureOf(error: unknown): PulsesError {
    const { logger, onFailed } = this.#options;
    if (isPulsesError(error, 'SHUTTING_DOWN')) return error;
    const isTried = isFull(error) || isOutOfDescriptors(error) || isPulsesError(error, 'STORAGE_FULL');
    if (!isTried) {
      const fatal = storageFailed('the journal could not be sealed', error);
      onFailed(fatal);
      return fatal;
    }
    logger.warn({ reason: String(error) }, 'no room to seal the journal, tried again soon');
    return new PulsesError('STORAGE_FULL', undefined, { cause: error });
  }

  async #seal(): Promise<void> {
    const { unsealed, topics } = this.#options;
    if (this.#isSealDue()) {
      const segments = this.#nextSegments();
      const plan = await planSeal(segments, topics, () => this.#pause());
      if (this.#isStopped()) return;
      const runs = await this.#writer.write(plan);
      freePlan(plan);
      failpoint('seal.after-runs');
      if (this.#isStopped()) return;
      const { firstLsn, lastLsn } = plan;
      const sealed = runs.map(({ kind, bytes }) => ({ kind, bytes }));
      await this.#options.store({ kind: 'runs-sealed', firstLsn, lastLsn, runs: sealed });
      failpoint('seal.after-store');
      this.#isCheckpointDue = true;
    }
    if (unsealed.segments.length <= 1) this.#isForced = false;
    if (this.#isStopped()) return;
    await this.#options.checkpoint();
    this.#isCheckpointDue = false;
  }

  /** The event loop continues. */
  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.setTimer(0, resolve);
    });
  }

  /** The oldest full ones, up to the usual length together. */
  #nextSegments(): UnsealedSegment[] {
    const { unsealed, segmentBytesMax } = this.#options;
    const chosen: UnsealedSegment[] = [];
    let bytes = 0;
    for (const segment of unsealed.segments.slice(0, -1)) {
      if (chosen.length > 0 && bytes + segment.end > segmentBytesMax) break;
      chosen.push(segment);
      bytes += segment.end;
      if (bytes >= segmentBytesMax || chosen.length === SEGMENTS_MAX) break;
    }
    return chosen;
  }
}
