// The state that a journal with holes adds up to, as far as that can be known.
//
// Every entry states its outcome, so what comes behind a hole still says where offsets, positions, revisions and
// sequences stand. Entries are applied by state.ts; here the state is first brought to where the entry fits. What had
// to be assumed is told as a mismatch: without a hole before it, that is damage.

import { PRODUCER_RESULTS_KEPT } from '@pulses/broker-wire';
import type { Entry } from './entries';
import type { Frame } from './frame';
import {
  applyFrame,
  applyGroupDeleted,
  createTopicState,
  groupOf,
  newGroup,
  positionsOf,
  type LogState,
  type TopicState,
} from './state';

/** What the files say about a topic that the state does not know. */
export interface KnownTopic {
  readonly topic: string;
  readonly incarnation: string;
  /** Where its first file starts. */
  readonly startOffset: number;
}

export interface TolerantState {
  readonly state: LogState;
  /** Ids of topics that were deleted by a frame that was seen. */
  readonly deleted: ReadonlySet<number>;
  /** Ids of topics that messages came for, and whose names nothing tells. */
  readonly nameless: ReadonlySet<number>;
  /** Groups that the state knew before the last hole, and that set no position behind it. */
  readonly uncertainGroups: ReadonlySet<string>;
  /** Ids of topics without a known owner of their outputs that lost frames may have given one. */
  readonly uncertainOwners: ReadonlySet<number>;
  /** Frames were lost: what they changed is not known. */
  lostFrames(topics: ReadonlyMap<number, KnownTopic>): void;
  /** Takes up the topics that only their files tell of, unless they were deleted. */
  adopt(): void;
  apply(frame: Frame, mismatch: (what: string) => void): void;
}

/** A position this far beyond a topic's end is a client's whim, not the trace of lost messages. */
const POSITION_LEAP_MAX = 1_000_000;

export function createTolerantState(state: LogState): TolerantState {
  const deleted = new Set<number>();
  const nameless = new Set<number>();
  const uncertainGroups = new Set<string>();
  const uncertainOwners = new Set<number>();
  const firstUnusedId = state.nextTopicId;
  let known: ReadonlyMap<number, KnownTopic> = new Map();
  let areFramesLost = false;

  const topicOf = (topicId: number, mismatch: (what: string) => void): TopicState => {
    const topic = state.topicsById.get(topicId);
    if (topic !== undefined) return topic;
    mismatch(`no topic has the id ${topicId}`);
    const found = known.get(topicId);
    if (found === undefined) nameless.add(topicId);
    return makeTopic(topicId, found ?? { topic: `topic ${topicId}`, incarnation: '0'.repeat(32), startOffset: 0 });
  };

  const makeTopic = (topicId: number, { topic: name, incarnation, startOffset }: KnownTopic): TopicState => {
    const topic = createTopicState({ topicId, topic: name, incarnation });
    topic.startOffset = startOffset;
    topic.nextOffset = startOffset;
    if (areFramesLost) uncertainOwners.add(topicId);
    forgetName(name);
    state.topicsById.set(topicId, topic);
    state.topicsByName.set(name, topic);
    state.nextTopicId = Math.max(state.nextTopicId, topicId + 1);
    return topic;
  };

  const forgetTopic = (topicId: number): void => {
    const topic = state.topicsById.get(topicId);
    deleted.add(topicId);
    if (topic === undefined) return;
    state.topicsById.delete(topicId);
    state.topicsByName.delete(topic.topic);
    for (const group of state.groups.values()) group.positions.delete(topicId);
  };

  const forgetName = (topic: string): void => {
    const older = state.topicsByName.get(topic);
    if (older !== undefined) forgetTopic(older.id);
  };

  const fitProducer = (
    stamp: { id: string; epoch: number; sequence: number },
    baseOffset: number,
    timestampMs: number,
  ): boolean => {
    const producer = state.producers.get(stamp.id);
    const expected = producer?.epoch === stamp.epoch ? producer.nextSequence : 0;
    if (stamp.sequence === expected) return true;
    // The requests in between were stored, and are lost: a repeat of one must not be stored again out of its order.
    const results = producer?.epoch === stamp.epoch ? producer.results : [];
    const from = Math.max(expected, stamp.sequence - PRODUCER_RESULTS_KEPT, 0);
    for (let sequence = from; sequence < stamp.sequence; sequence += 1) {
      results[sequence % PRODUCER_RESULTS_KEPT] = { baseOffset, timestampMs };
    }
    state.producers.set(stamp.id, { epoch: stamp.epoch, nextSequence: stamp.sequence, results });
    return false;
  };

  const fit = (entry: Entry, timestampMs: number, mismatch: (what: string) => void): void => {
    switch (entry.kind) {
      case 'appended': {
        const topic = topicOf(entry.topicId, mismatch);
        if (entry.baseOffset !== topic.nextOffset) {
          mismatch(`offset ${entry.baseOffset} of ${topic.topic} does not follow ${topic.nextOffset}`);
          topic.nextOffset = entry.baseOffset;
        }
        if (entry.producer !== undefined && !fitProducer(entry.producer, entry.baseOffset, timestampMs)) {
          mismatch(`sequence ${entry.producer.sequence} of producer ${entry.producer.id} does not follow`);
        }
        break;
      }
      case 'positions-set': {
        const topic = topicOf(entry.topicId, mismatch);
        uncertainGroups.delete(entry.group);
        // Who stored it had read so far: what comes next must not take those offsets, or the group would never see it.
        const end = Math.max(...entry.positions.map(({ offset }) => offset));
        if (areFramesLost && end - topic.nextOffset <= POSITION_LEAP_MAX)
          topic.nextOffset = Math.max(topic.nextOffset, end);
        break;
      }
      case 'position-deleted': {
        const positions = positionsOf(groupOf(state, entry.group), topicOf(entry.topicId, mismatch));
        if (positions.has(entry.name)) break;
        mismatch(`no position is called ${entry.name}`);
        positions.set(entry.name, { offset: 0, revision: 1, metadata: '' });
        break;
      }
      case 'topic-trimmed':
        topicOf(entry.topicId, mismatch);
        break;
      case 'outputs-claimed': {
        const { id, topic, owner } = topicOf(entry.topicId, mismatch);
        uncertainOwners.delete(id);
        if (owner === '' || owner === entry.group) break;
        mismatch(`the outputs of ${topic} belong to the group ${owner}, not ${entry.group}`);
        // It was deleted: nothing else makes room for another. What it left is the next owner's.
        if (state.groups.has(owner)) applyGroupDeleted(state, owner);
        break;
      }
      case 'group-deleted':
      case 'group-expired':
        if (state.groups.has(entry.group)) break;
        mismatch(`no group is called ${entry.group}`);
        state.groups.set(entry.group, newGroup());
        break;
      case 'topic-created':
        if (state.topicsByName.has(entry.topic)) mismatch(`topic ${entry.topic} exists already`);
        if (entry.topicId < state.nextTopicId) mismatch(`topic id ${entry.topicId} is used`);
        forgetName(entry.topic);
        state.nextTopicId = Math.min(state.nextTopicId, entry.topicId);
        break;
      case 'topics-deleted':
        for (const { topicId } of entry.topics) {
          topicOf(topicId, mismatch);
          nameless.delete(topicId);
          deleted.add(topicId);
        }
        break;
      case 'group-epoch-set':
      case 'producer-retired':
      case 'producers-expired':
        break;
    }
  };

  return {
    state,
    deleted,
    nameless,
    uncertainGroups,
    uncertainOwners,
    lostFrames: (topics) => {
      known = topics;
      areFramesLost = true;
      for (const [name, { positions }] of state.groups) if (positions.size > 0) uncertainGroups.add(name);
      for (const { id, owner } of state.topicsById.values()) if (owner === '') uncertainOwners.add(id);
    },
    adopt: () => {
      // The newest of one name comes first.
      for (const [topicId, found] of [...known].sort(([left], [right]) => right - left)) {
        const isKnown = state.topicsById.has(topicId) || state.topicsByName.has(found.topic);
        if (topicId >= firstUnusedId && !deleted.has(topicId) && !isKnown) makeTopic(topicId, found);
      }
    },
    apply: (frame, mismatch) => {
      for (const entry of frame.entries) {
        fit(entry, frame.timestampMs, mismatch);
        const { nextTopicId } = state;
        state.lsn = frame.lsn - 1;
        applyFrame(state, { ...frame, entries: [entry] });
        state.nextTopicId = Math.max(nextTopicId, state.nextTopicId);
      }
      state.lsn = frame.lsn;
      state.lastTimestampMs = frame.timestampMs;
    },
  };
}
