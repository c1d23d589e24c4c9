// Where the messages of frames that are not sealed belong: their offsets, which no frame states.
//
// They follow from the end of the topic, which the state knows, and the counts of the frames. Where frames are lost that a
// checkpoint had counted, what is missing from the sum is what they held.

import type { LogState } from '@pulses/broker-segment-log';
import type { JournalHole, WalkedFrame } from '../journal/journal-walk';
import type { Finding, OffsetRange } from '../report';
import type { Lift } from './resettle';
import { topicIdsOf } from './tolerant-state';

/** Messages of one topic from one frame, or what lost frames held of it. */
export interface PlacedPiece extends OffsetRange {
  readonly lsn: number;
  readonly topicId: number;
  readonly timestampMs: number;
  readonly length: number;
  readonly path: string;
  readonly position: number;
  /** Set when the messages are lost. */
  readonly finding: Finding | undefined;
}

export interface PlacementOptions {
  readonly state: LogState;
  /** Those behind `state.sealedLsn`. */
  readonly frames: readonly WalkedFrame[];
  readonly holes: readonly JournalHole[];
  readonly lifts: readonly Lift[];
  /** LSN of the checkpoint that the state comes from. */
  readonly checkpointLsn: number;
  /** Where the runs of a topic end. */
  readonly coveredEnd: (topicId: number) => number;
  /** A finding for messages that nothing explains. */
  readonly unexplained: () => Finding;
}

/** What is lost of a topic behind the rows of a frame, or in place of one. */
interface Filler {
  readonly lsn: number;
  readonly topicId: number;
  readonly count: number;
  readonly finding: Finding;
}

export class Placement {
  readonly #options: PlacementOptions;
  readonly #fillers: Filler[] = [];
  readonly #sealed = new Map<number, number>();

  constructor(options: PlacementOptions) {
    this.#options = options;
    const { state, frames, holes, lifts, checkpointLsn } = options;
    const counts = new Map<number, number>();
    const add = (topicId: number, count: number): void => {
      counts.set(topicId, (counts.get(topicId) ?? 0) + count);
    };
    for (const { rows, columns } of frames)
      for (let row = 0; row < rows; row += 1) add(columns[row]!, columns[rows + row]!); // three columns
    for (const { lsn, topicId, count } of lifts) {
      add(topicId, count);
      const finding = holes.findLast(({ fromLsn }) => fromLsn <= lsn)?.finding ?? options.unexplained();
      this.#fillers.push({ lsn, topicId, count, finding });
    }
    const counted = holes.findLast(({ fromLsn, toLsn }) => toLsn > state.sealedLsn && fromLsn <= checkpointLsn);
    for (const topicId of topicIdsOf(state)) {
      const ends = state.topics.nextOffset(state.topics.rowOf(topicId)) - (counts.get(topicId) ?? 0);
      const lost = counted === undefined ? 0 : Math.max(0, ends - options.coveredEnd(topicId));
      this.#sealed.set(topicId, ends - lost);
      const lsn = Math.min(counted?.toLsn ?? 0, checkpointLsn);
      if (counted !== undefined && lost > 0)
        this.#fillers.push({ lsn, topicId, count: lost, finding: counted.finding });
    }
    this.#fillers.sort((left, right) => left.lsn - right.lsn);
  }

  /** Messages before this offset are in runs, or should be. */
  sealedOffset(topicId: number): number {
    return this.#sealed.get(topicId) ?? 0;
  }

  /** Every piece of topics that are there, in the order of the journal. */
  *pieces(): Generator<PlacedPiece> {
    const next = new Map(this.#sealed);
    let timestampMs = this.#options.frames[0]?.timestampMs ?? this.#options.state.lastTimestampMs;
    let filler = 0;
    const fillersBefore = function* (this: Placement, lsn: number): Generator<PlacedPiece> {
      for (; (this.#fillers[filler]?.lsn ?? Infinity) < lsn; filler += 1) {
        const { topicId, count, finding, lsn: at } = this.#fillers[filler]!; // below the length
        const fromOffset = next.get(topicId);
        if (fromOffset === undefined) continue;
        next.set(topicId, fromOffset + count);
        const range = { topicId, fromOffset, toOffset: fromOffset + count };
        yield { ...range, lsn: at, timestampMs, length: 0, path: '', position: 0, finding };
      }
    }.bind(this);
    for (const frame of this.#options.frames) {
      yield* fillersBefore(frame.lsn);
      timestampMs = frame.timestampMs;
      const { rows, columns, path, lsn, finding } = frame;
      let position = frame.payloadAt;
      for (let row = 0; row < rows; row += 1) {
        const topicId = columns[row]!; // three columns
        const length = columns[2 * rows + row]!;
        const fromOffset = next.get(topicId);
        const start = position;
        position += length;
        if (fromOffset === undefined) continue;
        const toOffset = fromOffset + columns[rows + row]!;
        next.set(topicId, toOffset);
        yield { topicId, fromOffset, toOffset, lsn, timestampMs, length, path, position: start, finding };
      }
    }
    yield* fillersBefore(Infinity);
  }
}
