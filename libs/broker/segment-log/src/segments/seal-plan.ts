// What the runs of some segments will hold: their pieces in the order of kind, topic and offset.
//
// Made in slices, so that other work continues; the topics are looked at in one of them, so it is one moment's view. Pieces of
// topics that are deleted by then are left out: that is how their space comes back. Bounds: 8 bytes for each topic id
// between the lowest and the highest of the segments, 28 for each topic and 6 for each piece.

import { TOPIC_KINDS_MAX } from '../options';
import { freeMemory } from '@pulses/broker-wire';
import { NO_ROW, type TopicTable } from '../topics/topic-table';
import type { UnsealedSegment } from './unsealed';

/** Pieces that are looked at in a slice: some 2 ms. */
const SLICE_PIECES = 32_768;

/** The topics of a plan as columns, by kind and id. Those of a kind are `[firstOf[kind], firstOf[kind + 1])`. */
export interface PlannedTopics {
  readonly firstOf: readonly number[];
  readonly ids: Uint32Array;
  readonly baseOffsets: Float64Array;
  readonly lengths: Float64Array;
  /** The pieces of topic `at` are `[firstPieces[at], firstPieces[at + 1])` of the plan. */
  readonly firstPieces: Uint32Array;
}

export interface SealPlan {
  readonly firstLsn: number;
  readonly lastLsn: number;
  readonly segments: readonly UnsealedSegment[];
  readonly topics: PlannedTopics;
  /** By piece of the plan: number of its segment, and its number there. */
  readonly segmentOf: Uint16Array;
  readonly placeOf: Uint32Array;
}

/**
 * @param segments whole ones, the oldest that are not sealed
 * @param pause lets other work go on
 */
export async function planSeal(
  segments: readonly UnsealedSegment[],
  topics: TopicTable,
  pause: () => Promise<void>,
  slicePieces = SLICE_PIECES,
): Promise<SealPlan> {
  let [lowest, highest] = [Infinity, -1];
  for (const { lowestId, highestId } of segments) {
    lowest = Math.min(lowest, lowestId);
    highest = Math.max(highest, highestId);
  }
  const counts = new Uint32Array(Math.max(0, highest - lowest + 1));
  const lengths = new Float64Array(counts.length);
  for await (const { segment, from, to } of slicesOf(segments, pause, slicePieces)) {
    for (let at = from; at < to; at += 1) {
      const index = segment.idOf(at) - lowest;
      counts[index]! += 1; // within the ids
      lengths[index]! += segment.lengthOf(at);
    }
  }
  const planned = plannedTopics(topics, lowest, counts, lengths);
  // By id: where its next piece goes; one more, so that 0 says that it is left out.
  const next = counts.fill(0);
  for (const [at, id] of planned.ids.entries()) next[id - lowest] = planned.firstPieces[at]! + 1; // one more than topics
  const all = planned.firstPieces.at(-1) ?? 0;
  const segmentOf = new Uint16Array(all);
  const placeOf = new Uint32Array(all);
  for await (const { segment, number, from, to } of slicesOf(segments, pause, slicePieces)) {
    for (let at = from; at < to; at += 1) {
      const index = segment.idOf(at) - lowest;
      const piece = next[index]!; // within the ids
      if (piece === 0) continue;
      segmentOf[piece - 1] = number;
      placeOf[piece - 1] = at;
      next[index] = piece + 1;
    }
  }
  freeMemory(counts.buffer);
  freeMemory(lengths.buffer);
  const [first] = segments;
  const [firstLsn, lastLsn] = [first?.firstLsn ?? 0, segments.at(-1)?.lastLsn ?? 0];
  return { firstLsn, lastLsn, segments, topics: planned, segmentOf, placeOf };
}

interface Slice {
  readonly segment: UnsealedSegment;
  readonly number: number;
  readonly from: number;
  readonly to: number;
}

/** All pieces, in order, with a pause between slices. */
async function* slicesOf(
  segments: readonly UnsealedSegment[],
  pause: () => Promise<void>,
  slicePieces: number,
): AsyncGenerator<Slice> {
  for (const [number, segment] of segments.entries()) {
    for (let from = 0; from < segment.pieces; from += slicePieces) {
      if (from > 0 || number > 0) await pause();
      yield { segment, number, from, to: Math.min(segment.pieces, from + slicePieces) };
    }
  }
}

/** The plan is of no use afterwards. */
export function freePlan({ topics, segmentOf, placeOf }: SealPlan): void {
  const { ids, baseOffsets, lengths, firstPieces } = topics;
  for (const { buffer } of [ids, baseOffsets, lengths, firstPieces, segmentOf, placeOf]) freeMemory(buffer);
}

/** @param counts pieces by id, from `lowest` on; `lengths` likewise */
function plannedTopics(topics: TopicTable, lowest: number, counts: Uint32Array, lengths: Float64Array): PlannedTopics {
  const firstOf = new Array<number>(TOPIC_KINDS_MAX + 1).fill(0);
  for (let index = 0; index < counts.length; index += 1) {
    const row = counts[index] === 0 ? NO_ROW : topics.rowOf(lowest + index);
    if (row !== NO_ROW) firstOf[topics.kindOf(row) + 1]! += 1; // below the limit
  }
  for (let kind = 0; kind < TOPIC_KINDS_MAX; kind += 1) firstOf[kind + 1]! += firstOf[kind]!; // as many
  const size = firstOf[TOPIC_KINDS_MAX]!; // the last one
  const planned = {
    firstOf,
    ids: new Uint32Array(size),
    baseOffsets: new Float64Array(size),
    lengths: new Float64Array(size),
    firstPieces: new Uint32Array(size + 1),
  };
  const next = [...firstOf];
  for (let index = 0; index < counts.length; index += 1) {
    const count = counts[index]!; // in range
    const row = count === 0 ? NO_ROW : topics.rowOf(lowest + index);
    if (row === NO_ROW) continue;
    const at = next[topics.kindOf(row)]!++; // below the limit
    planned.ids[at] = lowest + index;
    planned.baseOffsets[at] = topics.sealedOffset(row);
    planned.lengths[at] = lengths[index]!; // as many
    planned.firstPieces[at + 1] = count;
  }
  for (let at = 0; at < size; at += 1) planned.firstPieces[at + 1]! += planned.firstPieces[at]!; // one more
  return planned;
}
