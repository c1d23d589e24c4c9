// What the runs of some segments will hold: their pieces in the order of kind, topic and offset.
//
// Made in one go, so it is one moment's view of the topics. Pieces of topics that are deleted are left out: that is how
// their space comes back.

import { NO_ROW, type TopicTable } from '../topics/topic-table';
import type { UnsealedSegment } from './unsealed';

/** Ids are below 2^32. */
const KIND_FACTOR = 2 ** 32;

/** One topic's part of a run. */
export interface PlannedTopic {
  readonly topicId: number;
  readonly kind: number;
  readonly baseOffset: number;
  /** Its pieces are `[firstPiece, firstPiece + pieces)` of the plan. */
  readonly firstPiece: number;
  readonly pieces: number;
}

export interface SealPlan {
  readonly firstLsn: number;
  readonly lastLsn: number;
  readonly segments: readonly UnsealedSegment[];
  /** By kind and id. */
  readonly topics: readonly PlannedTopic[];
  /** By piece of the plan: number of its segment, and its number there. */
  readonly segmentOf: Uint16Array;
  readonly placeOf: Uint32Array;
}

/** @param segments whole ones, the oldest that are not sealed */
export function planSeal(segments: readonly UnsealedSegment[], topics: TopicTable): SealPlan {
  const counts = new Uint32Array(topics.rowsEnd);
  let all = 0;
  for (const segment of segments) {
    for (let at = 0; at < segment.pieces; at += 1) {
      const row = topics.rowOf(segment.idOf(at));
      if (row === NO_ROW) continue;
      counts[row]! += 1; // rows are below the end
      all += 1;
    }
  }
  const planned: PlannedTopic[] = [];
  /** By row: where its next piece goes. */
  const next = new Uint32Array(topics.rowsEnd);
  let firstPiece = 0;
  for (const row of inOrder(counts, topics)) {
    const pieces = counts[row]!; // rows are below the end
    const topicId = topics.idOf(row);
    planned.push({ topicId, kind: topics.kindOf(row), baseOffset: topics.sealedOffset(row), firstPiece, pieces });
    next[row] = firstPiece;
    firstPiece += pieces;
  }
  const segmentOf = new Uint16Array(all);
  const placeOf = new Uint32Array(all);
  for (const [number, segment] of segments.entries()) {
    for (let at = 0; at < segment.pieces; at += 1) {
      const row = topics.rowOf(segment.idOf(at));
      if (row === NO_ROW) continue;
      const piece = next[row]!; // rows are below the end
      segmentOf[piece] = number;
      placeOf[piece] = at;
      next[row] = piece + 1;
    }
  }
  const [first] = segments;
  return {
    firstLsn: first?.firstLsn ?? 0,
    lastLsn: segments.at(-1)?.lastLsn ?? 0,
    segments,
    topics: planned,
    segmentOf,
    placeOf,
  };
}

/** Rows with pieces, by kind and id. */
function inOrder(counts: Uint32Array, topics: TopicTable): number[] {
  const keys: number[] = [];
  for (const [row, count] of counts.entries()) {
    if (count > 0) keys.push(topics.kindOf(row) * KIND_FACTOR + topics.idOf(row));
  }
  return Array.from(Float64Array.from(keys).sort(), (key) => topics.rowOf(key % KIND_FACTOR));
}
