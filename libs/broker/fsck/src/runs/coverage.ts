// Holds what runs have against what the state says: which messages of which topics are in none.
//
// A topic's messages lie in runs one after the other. So a gap shows at the next run that has the topic, or at the end of
// what is sealed, and lies in a run between the two. Bounds: three numbers for each topic, and the gaps.

import { NO_ROW, type LogState, type Run } from '@pulses/broker-segment-log';
import type { OffsetRange } from '../report';
import type { WalkedEntry } from './run-reader';

/** Messages that are in no run, of one topic. */
export interface Gap extends OffsetRange {
  readonly topicId: number;
  /** They lie in a run behind this one and before that one, by number. */
  readonly after: number;
  readonly before: number;
  /** Where the topic starts in the run, when that is known: then it is the only one between `after` and `before`. */
  readonly entryBase: number | undefined;
  /** The time of the message before, 0 when there is none: what stands in for the lost ones gets it. */
  readonly timestampMs: number;
}

interface Cover {
  end: number;
  /** Number of the run with the messages before `end`; -1 when there is none. */
  lastRun: number;
  lastTimestampMs: number;
}

export class Coverage {
  readonly #state: LogState;
  readonly #runs: readonly Run[];
  readonly #covers = new Map<number, Cover>();
  readonly gaps: Gap[] = [];

  constructor(state: LogState) {
    this.#state = state;
    this.#runs = state.runs;
  }

  /** Runs come in order. @returns false when nothing proves the entry, and it does not fit: it does not count then */
  add(run: number, entry: WalkedEntry): boolean {
    const { topicId, baseOffset, count, parts, isProven } = entry;
    const cover = this.#coverOf(topicId);
    if (cover === undefined) return isProven;
    if (!isProven && baseOffset !== cover.end) return false;
    if (baseOffset + count <= cover.end) return true;
    if (baseOffset > cover.end) this.#gap(cover, topicId, baseOffset, { after: cover.lastRun, before: run });
    const inside = { after: run - 1, before: run + 1, entryBase: baseOffset };
    for (const part of parts) {
      const end = part.baseOffset + part.count;
      if (end <= cover.end) continue;
      if (part.baseOffset > cover.end) this.#gap(cover, topicId, part.baseOffset, inside);
      cover.end = end;
      cover.lastTimestampMs = part.timestampMs;
    }
    if (baseOffset + count > cover.end) this.#gap(cover, topicId, baseOffset + count, inside);
    cover.lastRun = run;
    return true;
  }

  /** Offset behind the last message of the topic that a run has, or should have. */
  endOf(topicId: number): number {
    return this.#coverOf(topicId)?.end ?? 0;
  }

  /** What is sealed of the topic ends here. */
  finish(topicId: number, sealedOffset: number): void {
    const cover = this.#coverOf(topicId);
    if (cover === undefined || sealedOffset <= cover.end) return;
    this.#gap(cover, topicId, sealedOffset, { after: cover.lastRun, before: this.#runs.length });
  }

  #gap(
    cover: Cover,
    topicId: number,
    toOffset: number,
    place: { after: number; before: number; entryBase?: number },
  ): void {
    const { end: fromOffset, lastTimestampMs: timestampMs } = cover;
    this.gaps.push({ topicId, fromOffset, toOffset, entryBase: undefined, ...place, timestampMs });
    cover.end = toOffset;
  }

  #coverOf(topicId: number): Cover | undefined {
    const known = this.#covers.get(topicId);
    if (known !== undefined) return known;
    const { topics } = this.#state;
    const row = topics.rowOf(topicId);
    if (row === NO_ROW) return undefined;
    const cover = { end: topics.startOffset(row), lastRun: -1, lastTimestampMs: 0 };
    this.#covers.set(topicId, cover);
    return cover;
  }
}
