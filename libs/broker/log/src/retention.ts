// Which messages need not be kept any longer.
//
// Guarantees: only whole segments go, oldest first, and only messages that every consumer group with a position on the
// topic has passed. What goes is decided by the broker's time and stored in the journal before a file is touched, so
// a restart sees the same first offset.

import type { Clock, Timer } from '@pulses/shared-ports';
import type { TopicTrimmed } from './entries';
import type { LogState, TopicState } from './state';
import type { TopicFiles } from './topic-files';

/** Absent fields keep everything. */
export interface RetentionPolicy {
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

export interface RetentionOptions {
  readonly clock: Clock;
  readonly state: LogState;
  readonly filesOf: (topicId: number) => TopicFiles | undefined;
  readonly policyOf: (topic: string) => RetentionPolicy | undefined;
  readonly intervalMs: number;
  readonly nowMs: () => number;
  /** Stores what `trims` gives, when its turn has come. */
  readonly store: (trims: () => TopicTrimmed[]) => Promise<void>;
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
      const trim = trimOf(topic, files, policy, options.nowMs(), limits.get(topic.id) ?? Infinity);
      if (trim !== undefined) found.push(trim);
    }
    return found;
  };

  const look = async (): Promise<void> => {
    if (trims().length > 0) await options.store(trims).catch(() => undefined);
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
