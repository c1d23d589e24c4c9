// Which messages need not be kept any longer, and which runs.
//
// Guarantees: only whole parts of runs go, oldest first, and only messages that every consumer group with a position on the
// topic has passed. What goes is decided by the broker's time and stored in the journal before a file is touched, so a
// restart sees the same first offset. A file goes when no topic needs it.

import { isPulsesError, type PulsesError } from '@pulses/shared-errors';
import type { Clock, FileSystem, Timer } from '@pulses/shared-ports';
import { UNCLAIMED_GROUP, type LogState, type Run } from '../commit/log-state';
import { isFull, isMissing, isOutOfDescriptors, storageFailed } from '../disk/disk-errors';
import type { RunKey, TopicTrim } from '../journal/entries';
import type { RetentionPolicy } from '../options';
import type { MessageReader } from '../readers/message-reader';
import type { RunReader } from '../readers/run-reader';
import { NO_ROW } from '../topics/topic-table';
import type { RunEntry } from './run-format';

/** Trims in one frame. */
const TRIMS_MAX = 4_096;

export interface RetentionOptions {
  readonly clock: Clock;
  readonly fileSystem: FileSystem;
  readonly state: LogState;
  readonly runs: RunReader;
  readonly messages: MessageReader;
  /** Undefined when everything is kept. */
  readonly policyOf: ((topic: string) => RetentionPolicy | undefined) | undefined;
  readonly intervalMs: number;
  readonly nowMs: () => number;
  /** Called at each look: leaves the segment in use when it is old. */
  beforeLook(): void;
  /** Stores what `trims` gives, when its turn has come. @throws PulsesError */
  storeTrims(trims: () => readonly TopicTrim[]): Promise<void>;
  /** @throws PulsesError */
  storeDrop(runs: readonly RunKey[]): Promise<void>;
  /** Called for each trim, once it is durable. */
  trimmed(trim: StoredTrim): void;
  onFailed(error: PulsesError): void;
}

/** Messages `[fromOffset, toOffset)` of the topic are gone. */
export interface StoredTrim {
  readonly topic: string;
  readonly fromOffset: number;
  readonly toOffset: number;
  readonly bytes: number;
}

/** Where a topic would start. */
interface Planned {
  startOffset: number;
  bytesRemoved: number;
}

export class Retention {
  readonly #options: RetentionOptions;
  #timer: Timer | undefined;
  #isStopped = false;
  #looking: Promise<void> | undefined;
  /** Runs that may have become needless since they were looked at. */
  #isDropDue = true;

  constructor(options: RetentionOptions) {
    this.#options = options;
    this.#again();
  }

  /** Topics were deleted: runs may be needless. */
  removed(): void {
    this.#isDropDue = true;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#looking;
  }

  #again(): void {
    if (this.#isStopped) return;
    const { clock, intervalMs } = this.#options;
    const look = (): void => {
      this.#looking = this.#look().then(() => {
        this.#again();
      });
    };
    this.#timer = clock.setTimer(intervalMs, look, { keepAlive: false });
  }

  async #look(): Promise<void> {
    try {
      this.#options.beforeLook();
      await this.#trim();
      if (this.#isDropDue && !this.#isStopped) await this.#drop();
    } catch (error) {
      // A full disk and missing descriptors are tried again; other failures of the log are told elsewhere.
      if (isPulsesError(error, 'JOURNAL_CORRUPT')) this.#options.onFailed(error);
      else if (!isPulsesError(error) && !isRetried(error)) {
        this.#options.onFailed(storageFailed('retention failed', error));
      }
    }
  }

  async #trim(): Promise<void> {
    if (this.#options.policyOf === undefined) return;
    const planned = await this.#plan();
    const trims: TopicTrim[] = [];
    for (const [topicId, { startOffset, bytesRemoved }] of planned) {
      const firstTimestampMs = await this.#options.messages.timestampAt(topicId, startOffset);
      trims.push({ topicId, startOffset, bytesRemoved, firstTimestampMs });
    }
    for (let from = 0; from < trims.length && !this.#isStopped; from += TRIMS_MAX) {
      await this.#store(trims.slice(from, from + TRIMS_MAX));
    }
  }

  async #store(trims: readonly TopicTrim[]): Promise<void> {
    const { state, storeTrims, trimmed } = this.#options;
    let stored: StoredTrim[] = [];
    await storeTrims(() => {
      // A group may have joined, or a topic been deleted, since these were planned: what holds now counts.
      const lowest = lowestPositions(state);
      const valid = trims.filter(({ topicId, startOffset }) => {
        const row = state.topics.rowOf(topicId);
        return row !== NO_ROW && startOffset <= this.#readLimit(row, lowest);
      });
      stored = valid.map(({ topicId, startOffset, bytesRemoved }) => {
        const row = state.topics.rowOf(topicId);
        const [topic, fromOffset] = [state.topics.nameOf(row), state.topics.startOffset(row)];
        return { topic, fromOffset, toOffset: startOffset, bytes: bytesRemoved };
      });
      return valid.map((trim) => {
        const isAll = trim.startOffset === state.topics.nextOffset(state.topics.rowOf(trim.topicId));
        return isAll ? { ...trim, firstTimestampMs: 0 } : trim;
      });
    });
    if (stored.length > 0) this.#isDropDue = true;
    for (const trim of stored) trimmed(trim);
  }

  /** By topic id. */
  async #plan(): Promise<Map<number, Planned>> {
    const { state, runs } = this.#options;
    const planned = new Map<number, Planned>();
    const lowest = lowestPositions(state);
    const done = new Set<number>();
    for (const run of [...state.runs]) {
      if (this.#isStopped || done.has(run.kind)) continue;
      let isAnyTrimmed = false;
      let isAnyGone = false;
      await runs.eachEntry(run, (entry) => {
        const verdict = this.#planEntry(planned, entry, lowest);
        isAnyTrimmed ||= verdict === 'trimmed';
        isAnyGone ||= verdict === 'gone';
        return true;
      });
      // Later runs of the kind are newer.
      if (!isAnyTrimmed && !isAnyGone) done.add(run.kind);
    }
    return planned;
  }

  #planEntry(
    planned: Map<number, Planned>,
    entry: RunEntry,
    lowest: ReadonlyMap<number, number>,
  ): 'gone' | 'trimmed' | 'kept' {
    const { topics } = this.#options.state;
    const row = topics.rowOf(entry.topicId);
    if (row === NO_ROW) return 'gone';
    const policy = this.#options.policyOf?.(topics.nameOf(row));
    const known = planned.get(entry.topicId);
    const startOffset = known?.startOffset ?? topics.startOffset(row);
    const end = entry.baseOffset + entry.count;
    if (end <= startOffset) return 'gone';
    if (policy === undefined || entry.baseOffset > startOffset || end > this.#readLimit(row, lowest)) return 'kept';
    const { ageMs = Infinity, bytes = Infinity } = policy;
    const bytesRemoved = known?.bytesRemoved ?? 0;
    const isOld = entry.lastTimestampMs < this.#options.nowMs() - ageMs;
    const isTooMuch = topics.bytes(row) - bytesRemoved > bytes && end < topics.nextOffset(row);
    if (!isOld && !isTooMuch) return 'kept';
    planned.set(entry.topicId, { startOffset: end, bytesRemoved: bytesRemoved + entry.length });
    return 'trimmed';
  }

  /** The offset below which every message was read by every group that reads the topic. */
  #readLimit(row: number, lowest: ReadonlyMap<number, number>): number {
    const { topics, owners, groups } = this.#options.state;
    const topicId = topics.idOf(row);
    const owner = owners.get(topicId);
    // A group that has claimed the outputs reads from the start, until it has stored a position.
    const hasNewOwner = owner !== undefined && groups.get(owner)?.positions.get(topicId) === undefined;
    const isLeftUnread = groups.get(UNCLAIMED_GROUP)?.positions.get(topicId)?.size === 0;
    if (hasNewOwner || isLeftUnread) return topics.startOffset(row);
    const keepsUnread = this.#options.policyOf?.(topics.nameOf(row))?.keepsUnread === true;
    return lowest.get(topicId) ?? (keepsUnread ? topics.startOffset(row) : Infinity);
  }

  async #drop(): Promise<void> {
    const { state, runs, fileSystem } = this.#options;
    this.#isDropDue = false;
    const needless: Run[] = [];
    for (const run of [...state.runs]) {
      let isNeeded = false;
      await runs.eachEntry(run, (entry) => {
        const row = state.topics.rowOf(entry.topicId);
        isNeeded = row !== NO_ROW && state.topics.startOffset(row) < entry.baseOffset + entry.count;
        return !isNeeded;
      });
      if (!isNeeded) needless.push(run);
    }
    if (needless.length === 0) return;
    await this.#options.storeDrop(needless);
    for (const run of needless) {
      runs.forget(run);
      try {
        await fileSystem.remove(runs.pathOf(run));
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    }
  }
}

/** By topic id: the lowest position of any group. */
function lowestPositions(state: LogState): Map<number, number> {
  const lowest = new Map<number, number>();
  for (const { positions } of state.groups.values()) {
    for (const [topicId, byName] of positions) {
      for (const { offset } of byName.values()) lowest.set(topicId, Math.min(offset, lowest.get(topicId) ?? Infinity));
    }
  }
  return lowest;
}

function isRetried(error: unknown): boolean {
  return isFull(error) || isOutOfDescriptors(error);
}
