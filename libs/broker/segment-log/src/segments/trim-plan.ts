// Which messages need not be kept any longer: of each topic whole parts of runs, from the oldest on.
//
// A part goes when all of it is too old, or when the newer messages alone are as long as the limit. So what stays exceeds
// an age by what one part spans, and a length by one part. Topics are chosen by their rows; of the runs only those blocks
// of directories are read that hold a chosen topic, up to the first part that stays.
//
// Guarantees: nothing goes that a group has not read; see read-limits.ts.

import type { LogState } from '../commit/log-state';
import type { RetentionPolicy } from '../options';
import type { RunReader } from '../readers/run-reader';
import { NO_ROW } from '../topics/topic-table';
import type { ReadLimits } from './read-limits';
import type { RunEntry } from './run-format';

export interface TrimPlanOptions {
  readonly state: LogState;
  readonly runs: RunReader;
  readonly policyOf: (kind: number) => RetentionPolicy | undefined;
  readonly limits: ReadLimits;
  readonly nowMs: number;
  readonly isStopped: () => boolean;
  /** Told of a run that cannot be read: its topics keep what they have from there on. @throws what is no damage */
  onUnreadable(error: unknown): void;
}

/** Messages of a topic before `startOffset` may go. */
export interface PlannedTrim {
  readonly topicId: number;
  readonly startOffset: number;
  readonly bytesRemoved: number;
  /** Of the first message that stays; undefined when it is not sealed. */
  readonly firstTimestampMs: number | undefined;
}

/** @throws the port's error */
export async function planTrims(options: TrimPlanOptions): Promise<PlannedTrim[]> {
  const { state, runs, isStopped } = options;
  const chosen = chosenTopics(options);
  const planned = new Map<number, PlannedTrim>();
  for (const run of [...state.runs]) {
    const topicIds = chosen.get(run.kind) ?? [];
    if (topicIds.length === 0 || isStopped()) continue;
    const done = new Set<number>();
    try {
      await runs.entriesOf(run, topicIds, (entry) => {
        if (!takes(options, planned, entry)) done.add(entry.topicId);
      });
    } catch (error) {
      options.onUnreadable(error);
    }
    chosen.set(run.kind, done.size === 0 ? topicIds : topicIds.filter((id) => !done.has(id)));
  }
  return [...planned.values()];
}

/** Topics of which something may have to go, by kind: ids, rising. */
function chosenTopics({ state, policyOf, limits, nowMs }: TrimPlanOptions): Map<number, number[]> {
  const { topics } = state;
  const chosen = new Map<number, number[]>();
  for (const row of topics.storedRows()) {
    const startOffset = topics.startOffset(row);
    const policy = policyOf(topics.kindOf(row));
    if (policy === undefined || startOffset >= topics.sealedOffset(row)) continue;
    const { ageMs = Infinity, bytes = Infinity } = policy;
    const isOver = topics.firstTimestampMs(row) < nowMs - ageMs || topics.bytes(row) > bytes;
    if (!isOver || limits.of(row) <= startOffset) continue;
    const ids = chosen.get(topics.kindOf(row));
    if (ids === undefined) chosen.set(topics.kindOf(row), [topics.idOf(row)]);
    else ids.push(topics.idOf(row));
  }
  return chosen;
}

/** Plans that the part goes, if it may. False when none of the later parts can. */
function takes(options: TrimPlanOptions, planned: Map<number, PlannedTrim>, entry: RunEntry): boolean {
  const { topics } = options.state;
  const row = topics.rowOf(entry.topicId);
  if (row === NO_ROW) return false;
  const known = planned.get(entry.topicId);
  const startOffset = known?.startOffset ?? topics.startOffset(row);
  const end = entry.baseOffset + entry.count;
  if (end <= startOffset) return true;
  const { ageMs = Infinity, bytes = Infinity } = options.policyOf(topics.kindOf(row)) ?? {};
  const bytesRemoved = (known?.bytesRemoved ?? 0) + entry.length;
  const isOld = entry.lastTimestampMs < options.nowMs - ageMs;
  const isTooMuch = topics.bytes(row) - bytesRemoved >= bytes;
  if ((!isOld && !isTooMuch) || entry.baseOffset > startOffset || end > options.limits.of(row)) {
    if (known !== undefined) planned.set(entry.topicId, { ...known, firstTimestampMs: entry.firstTimestampMs });
    return false;
  }
  planned.set(entry.topicId, { topicId: entry.topicId, startOffset: end, bytesRemoved, firstTimestampMs: undefined });
  return end < topics.sealedOffset(row);
}
