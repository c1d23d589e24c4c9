// Which messages need not be kept any longer.
//
// Guarantees: only whole segments go, oldest first, and only messages that every consumer group with a position on the
// topic has passed. What goes is decided by the broker's time and stored in the journal before a file is touched, so
// a restart sees the same first offset.

import type { Clock, Timer } from '@pulses/shared-ports';
import type { TopicTrimmed } from './entries';
import { UNCLAIMED_GROUP, type LogState, type TopicState } from './state';
import type { TopicFiles } from './topic-files';

/** Absent fields keep everything. */
export interface RetentionPolicy {
  /** Messages stay until a group has read them, also while no group reads the topic. */
  readonly keepsUnread?: boolean | undefined;
  /** Messages older than this go. */
  readonly ageMs?: number | undefined;
  /** The oldest messages go while the topic is longer than this. */
  readonly bytes?: number | undefined;
}

/** Undefined when nothing of the topic has to go. */
export function trimOf(
  topic: TopicState,
  files: TopicFiles,
  policy: RetentionPolicy,
  nowMs: number,
  positionLimit: number,
): TopicTrimmed | undefined {
  const { ageMs = Infinity, bytes = Infinity } = policy;
  let removed = 0;
  let bytesRemoved = 0;
  for (const { written } of files.segments) {
    const isNewest = removed === files.segments.length - 1;
    const isOld = written.lastTimestampMs < nowMs - ageMs;
    const isTooMuch = topic.bytes - bytesRemoved > bytes && !isNewest;
    const isBusy = isNewest && written.nextOffset < topic.nextOffset;
    if ((!isOld && !isTooMuch) || isBusy || written.nextOffset > positionLimit) break;
    removed += 1;
    bytesRemoved += written.length;
  }
  if (removed === 0) return undefined;
  const first = files.segments[removed];
  return {
    kind: 'topic-trimmed',
    topicId: topic.id,
    startOffset: first?.baseOffset ?? topic.nextOffset,
    bytesRemoved,
    firstTimestampMs: first?.firstTimestampMs ?? 0,
  };
}

/** By topic id: the lowest position of any group. */
export function lowestPositions(state: LogState): Map<number, number> {
  const lowest = new Map<number, number>();
  for (const { positions } of state.groups.values()) {
    for (const [topicId, byName] of positions) {
      for (const { offset } of byName.values()) lowest.set(topicId, Math.min(offset, lowest.get(topicId) ?? Infinity));
    }
  }
  return lowest;
}

/** The offset below which every message was read by every group that reads the topic. */
function readLimit(
  state: LogState,
  topic: TopicState,
  policy: RetentionPolicy,
  lowest: ReadonlyMap<number, number>,
): number {
  // A group that has claimed the outputs reads from the start, until it has stored a position.
  const hasNewOwner = topic.owner !== '' && state.groups.get(topic.owner)?.positions.get(topic.id) === undefined;
  const isLeftUnread = state.groups.get(UNCLAIMED_GROUP)?.positions.get(topic.id)?.size === 0;
  if (hasNewOwner || isLeftUnread) return topic.startOffset;
  return lowest.get(topic.id) ?? (policy.keepsUnread === true ? topic.startOffset : Infinity);
}

export interface RetentionOptions {
  readonly clock: Clock;
  readonly state: LogState;
  readonly filesOf: (topicId: number) => TopicFiles | undefined;
  readonly policyOf: (topic: string) => RetentionPolicy | undefined;
  readonly intervalMs: number;
  readonly nowMs: () => number;
  /** Stores what `trims` gives, when its turn has come. */
  readonly store: (trims: () => TopicTrimmed[]) => Promise<void>;
  /** Called for each trim, once it is durable. */
  trimmed(trim: StoredTrim): void;
}

/** Messages `[fromOffset, toOffset)` of the topic are gone. */
export interface StoredTrim {
  readonly topic: string;
  readonly fromOffset: number;
  readonly toOffset: number;
  readonly bytes: number;
}

/** Looks every so often; failures of the log are told elsewhere, and a full disk is tried again. */
export function createRetention(options: RetentionOptions): { stop(): void } {
  const { clock, state, filesOf, policyOf } = options;
  let timer: Timer | undefined;
  let isStopped = false;

  const trims = (): TopicTrimmed[] => {
    const limits = lowestPositions(state);
    const found: TopicTrimmed[] = [];
    for (const topic of state.topicsById.values()) {
      const policy = policyOf(topic.topic);
      const files = filesOf(topic.id);
      if (policy === undefined || files === undefined) continue;
      const trim = trimOf(topic, files, policy, options.nowMs(), readLimit(state, topic, policy, limits));
      if (trim !== undefined) found.push(trim);
    }
    return found;
  };

  const storeTrims = async (): Promise<void> => {
    let stored: StoredTrim[] = [];
    await options.store(() => {
      const found = trims();
      stored = found.map(({ topicId, startOffset, bytesRemoved }) => {
        const { topic, startOffset: fromOffset } = state.topicsById.get(topicId)!; // trims come from there
        return { topic, fromOffset, toOffset: startOffset, bytes: bytesRemoved };
      });
      return found;
    });
    for (const trim of stored) options.trimmed(trim);
  };

  const look = async (): Promise<void> => {
    if (trims().length > 0) await storeTrims().catch(() => undefined);
    again();
  };

  const again = (): void => {
    if (isStopped) return;
    timer = clock.setTimer(options.intervalMs, () => void look(), { keepAlive: false });
  };
  again();

  return {
    stop: () => {
      isStopped = true;
      timer?.cancel();
    },
  };
}
