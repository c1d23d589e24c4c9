// Where topics end when frames are lost that no checkpoint has counted.
//
// Lost frames may be sealed by a later one: then runs tell how far topics had come. Behind frames that are not, a position or
// a first offset tells how far a topic must have come at least: it is lifted to there. Who stored a position had read so far,
// so what comes next must not take those offsets, or the group would never see it.

import type { Coverage } from '../runs/coverage';
import type { JournalHole, WalkedFrame } from '../journal/journal-walk';
import { topicIdsOf, type TolerantState } from './tolerant-state';

/** A position this far beyond a topic's end is a client's whim, not the trace of lost messages. */
const POSITION_LEAP_MAX = 1_000_000;

/** That many messages of the topic were lost before this frame, at least. */
export interface Lift {
  readonly lsn: number;
  readonly topicId: number;
  readonly count: number;
}

/**
 * Sets the ends of all topics. @param frames those that are not sealed
 * @returns what is lost of topics before frames that are not sealed
 */
export function resettle(
  tolerant: TolerantState,
  frames: readonly WalkedFrame[],
  holes: readonly JournalHole[],
  coverage: Coverage,
): Lift[] {
  const { state } = tolerant;
  const ends = new Map<number, number>();
  for (const id of topicIdsOf(state)) ends.set(id, state.topics.nextOffset(state.topics.rowOf(id)));
  const add = (id: number, count: number): void => {
    const end = ends.get(id);
    if (end !== undefined) ends.set(id, end + count);
  };
  for (const { rows, columns } of frames) {
    for (let row = 0; row < rows; row += 1) add(columns[row]!, -columns[rows + row]!); // three columns
  }
  for (const [id, end] of ends) ends.set(id, Math.max(end, coverage.endOf(id)));

  const firstHole = holes.find(({ toLsn }) => toLsn > state.sealedLsn)?.fromLsn ?? Infinity;
  const lifts: Lift[] = [];
  const lift = (lsn: number, topicId: number, offset: number, leapMax: number): void => {
    const count = offset - (ends.get(topicId) ?? Infinity);
    if (lsn < firstHole || count <= 0 || count > leapMax) return;
    lifts.push({ lsn, topicId, count });
    add(topicId, count);
  };
  for (const { lsn, rows, columns, entries } of frames) {
    for (let row = 0; row < rows; row += 1) add(columns[row]!, columns[rows + row]!); // three columns
    for (const entry of entries) {
      if (entry.kind === 'positions-set') {
        lift(lsn, entry.topicId, Math.max(0, ...entry.positions.map(({ offset }) => offset)), POSITION_LEAP_MAX);
      }
      if (entry.kind !== 'topics-trimmed') continue;
      for (const { topicId, startOffset } of entry.trims) lift(lsn, topicId, startOffset, Infinity);
    }
  }
  for (const [id, end] of ends) tolerant.raise(id, end - state.topics.nextOffset(state.topics.rowOf(id)));
  return lifts;
}
