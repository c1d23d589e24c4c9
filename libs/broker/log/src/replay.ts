// Which messages of the journal are not in the topics' files: told to the tail and the materialiser on a start.
//
// Guarantees: every message that the state counts is in the files or in a frame, each topic's without a gap, or the start is
// refused.

import type { PulsesError } from '@pulses/shared-errors';
import type { Appended, DeletedTopic } from './entries';
import type { FramePlace } from './journal-reader';
import { segmentName } from './journal-segment';
import type { SkimmedFrame } from './journal-skim';
import type { Materialiser } from './materialiser';
import type { LogState, TopicState } from './state';
import { corrupt } from './storage-errors';
import type { Tail } from './tail';
import { writtenOffset } from './topic-files';

/** Tells the materialiser of messages that the state has already; what the checkpoint's files hold is left out. */
export function createReplay(
  { data, journal }: { readonly data: string; readonly journal: string },
  state: LogState,
  tail: Tail,
  materialiser: Materialiser,
): { frame(frame: SkimmedFrame): void; end(): void } {
  /** By topic id: the offset that files and frames reach without a gap. */
  const reached = new Map<number, number>();
  const reachOf = (topic: TopicState): number => {
    const files = materialiser.filesOf(topic.id);
    return Math.max(reached.get(topic.id) ?? 0, topic.startOffset, files === undefined ? 0 : writtenOffset(files));
  };

  const notValid = ({ lsn, segmentFirstLsn, position }: FramePlace, why: string): PulsesError =>
    corrupt(data, `${journal}/${segmentName(segmentFirstLsn)}`, position, `frame ${lsn} is not valid: ${why}`);

  const deleted = (topic: DeletedTopic, { place }: SkimmedFrame): void => {
    if (state.topicsById.has(topic.topicId)) throw notValid(place, 'it deletes a topic that is there later');
    materialiser.drop(topic);
  };

  const trimmed = (topicId: number): void => {
    const topic = state.topicsById.get(topicId);
    if (topic !== undefined) materialiser.trim(topicId, topic.startOffset);
  };

  const appended = (entry: Appended, { place, timestampMs }: SkimmedFrame): void => {
    const topic = state.topicsById.get(entry.topicId);
    const end = entry.baseOffset + entry.recordCount;
    // Deleted later, or trimmed later, or in the files.
    if (topic === undefined || end <= reachOf(topic)) return;
    if (entry.baseOffset !== reachOf(topic)) throw notValid(place, 'its messages do not follow on those before');
    reached.set(topic.id, end);
    materialiser.push(topic, tail.push(entry, { place, payloadAt: entry.start, timestampMs }));
  };

  return {
    frame: (frame) => {
      for (const entry of frame.entries) {
        if (entry.kind === 'topics-deleted') for (const topic of entry.topics) deleted(topic, frame);
        if (entry.kind === 'topic-trimmed') trimmed(entry.topicId);
        if (entry.kind === 'appended') appended(entry, frame);
      }
    },
    /** @throws PulsesError JOURNAL_CORRUPT when messages that the state counts were neither in files nor in frames */
    end: () => {
      for (const topic of state.topicsById.values()) {
        const reach = reachOf(topic);
        if (reach === topic.nextOffset) continue;
        throw corrupt(
          data,
          journal,
          0,
          `no valid frame holds the messages of topic ${topic.topic} from offset ${reach} on`,
        );
      }
    },
  };
}
