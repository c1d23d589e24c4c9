// Everything that the journal's frames add up to, except the messages themselves: topics, producers, positions and
// group epochs.
//
// Guarantees: `applyFrame` is the only thing that changes a state, and the result depends on the frames alone, so a
// state rebuilt from the journal equals the one that was running. It decides nothing: what is allowed was decided
// by staging.ts before the frame was written. A frame that does not fit the state throws StateMismatch, unchanged
// bytes notwithstanding: it then follows on another state than the one it was written for.

import { PRODUCER_RESULTS_KEPT, type Incarnation } from '@pulses/broker-wire';
import type { Appended, Entry, TopicCreated } from './entries';

/** Producers that have said goodbye and are remembered, so that a late request of theirs stays fenced. */
export const RETIRED_PRODUCERS_KEPT = 10_000;

export interface TopicState {
  readonly id: number;
  readonly topic: string;
  readonly incarnation: Incarnation;
  /** The group that publishes what is derived from this topic; '' when none does. */
  owner: string;
  startOffset: number;
  nextOffset: number;
  bytes: number;
  firstTimestampMs: number;
  lastTimestampMs: number;
  /** The next offset within the group being staged, when `stagedIn` is that group's number; see staging.ts. */
  stagedNextOffset: number;
  stagedIn: number;
}

export interface ProducerResult {
  readonly baseOffset: number;
  readonly timestampMs: number;
}

export interface ProducerState {
  epoch: number;
  nextSequence: number;
  /** The last results, ring by sequence: `results[sequence % PRODUCER_RESULTS_KEPT]`. */
  readonly results: ProducerResult[];
}

/** Timestamp of the frame with the producer's last batch. */
export function lastUsedMsOf({ nextSequence, results }: ProducerState): number {
  return results[(nextSequence - 1) % PRODUCER_RESULTS_KEPT]?.timestampMs ?? 0;
}

export interface PositionState {
  readonly offset: number;
  readonly revision: number;
  readonly metadata: string;
}

export interface GroupState {
  epoch: number;
  /** Timestamp of the last frame in which a member joined or set a position. */
  lastUsedMs: number;
  /** By topic id, then by name. */
  readonly positions: Map<number, Map<string, PositionState>>;
}

export interface LogState {
  /** LSN of the last frame applied; 0 before the first. */
  lsn: number;
  lastTimestampMs: number;
  nextTopicId: number;
  readonly topicsByName: Map<string, TopicState>;
  readonly topicsById: Map<number, TopicState>;
  readonly producers: Map<string, ProducerState>;
  /** Epoch up to which each retired producer is fenced, oldest first. */
  readonly retiredProducers: Map<string, number>;
  readonly groups: Map<string, GroupState>;
  /** Epochs of a new group start above it: the highest epoch of any group that was deleted. */
  epochFloor: number;
}

/**
 * Holds the positions that the deleted owners of outputs have left, until the next owner claims them. No client's group
 * has an empty name.
 */
export const UNCLAIMED_GROUP = '';

/**
 * Owns outputs after a repair that can't tell who published them. It never joins: only its deletion hands them over, which
 * is an operator's decision.
 */
export const UNKNOWN_OWNER = 'unknown-after-repair';

/** A valid frame that does not follow on this state: the journal is not the one that the state comes from. */
export class StateMismatch extends Error {}

export function createState(): LogState {
  return {
    lsn: 0,
    lastTimestampMs: 0,
    nextTopicId: 1,
    topicsByName: new Map(),
    topicsById: new Map(),
    producers: new Map(),
    retiredProducers: new Map(),
    groups: new Map(),
    epochFloor: 0,
  };
}

export function createTopicState(created: Omit<TopicCreated, 'kind'>): TopicState {
  return {
    id: created.topicId,
    topic: created.topic,
    incarnation: created.incarnation,
    owner: '',
    startOffset: 0,
    nextOffset: 0,
    bytes: 0,
    firstTimestampMs: 0,
    lastTimestampMs: 0,
    stagedNextOffset: 0,
    stagedIn: 0,
  };
}

/** @throws StateMismatch */
export function applyFrame(
  state: LogState,
  frame: { readonly lsn: number; readonly timestampMs: number; readonly entries: readonly Entry[] },
): void {
  if (frame.lsn !== state.lsn + 1) throw new StateMismatch(`frame ${frame.lsn} after frame ${state.lsn}`);
  for (const entry of frame.entries) applyEntry(state, entry, frame.timestampMs);
  state.lsn = frame.lsn;
  state.lastTimestampMs = frame.timestampMs;
}

function applyEntry(state: LogState, entry: Entry, timestampMs: number): void {
  switch (entry.kind) {
    case 'appended':
      applyAppended(state, entry, timestampMs);
      break;
    case 'positions-set': {
      const group = groupOf(state, entry.group);
      const positions = positionsOf(group, topicOf(state, entry.topicId));
      group.lastUsedMs = timestampMs;
      for (const { name, offset, revision, metadata } of entry.positions) {
        positions.set(name, { offset, revision, metadata });
      }
      break;
    }
    case 'position-deleted': {
      const group = groupOf(state, entry.group);
      const positions = positionsOf(group, topicOf(state, entry.topicId));
      if (!positions.delete(entry.name)) throw new StateMismatch(`no position is called ${entry.name}`);
      if (positions.size === 0) group.positions.delete(entry.topicId);
      group.lastUsedMs = timestampMs;
      break;
    }
    case 'topic-created': {
      if (state.topicsByName.has(entry.topic)) throw new StateMismatch(`topic ${entry.topic} exists already`);
      if (entry.topicId < state.nextTopicId) throw new StateMismatch(`topic id ${entry.topicId} is used`);
      const topic = createTopicState(entry);
      state.nextTopicId = entry.topicId + 1;
      state.topicsByName.set(topic.topic, topic);
      state.topicsById.set(topic.id, topic);
      break;
    }
    case 'topics-deleted':
      for (const { topicId } of entry.topics) {
        state.topicsByName.delete(topicOf(state, topicId).topic);
        state.topicsById.delete(topicId);
        for (const group of state.groups.values()) group.positions.delete(topicId);
      }
      break;
    case 'group-epoch-set': {
      const group = groupOf(state, entry.group);
      group.epoch = entry.epoch;
      group.lastUsedMs = timestampMs;
      break;
    }
    case 'outputs-claimed':
      applyClaimed(state, topicOf(state, entry.topicId), entry.group);
      break;
    case 'group-deleted':
      applyGroupDeleted(state, entry.group);
      break;
    case 'group-expired':
      removeGroup(state, entry.group);
      break;
    case 'producer-retired':
      applyRetired(state, entry.id, entry.epoch);
      break;
    case 'producers-expired':
      for (const id of entry.ids) state.producers.delete(id);
      break;
    case 'topic-trimmed': {
      const topic = topicOf(state, entry.topicId);
      topic.startOffset = entry.startOffset;
      topic.bytes -= entry.bytesRemoved;
      topic.firstTimestampMs = entry.firstTimestampMs;
      break;
    }
  }
}

function applyAppended(state: LogState, entry: Appended, timestampMs: number): void {
  const topic = topicOf(state, entry.topicId);
  if (entry.baseOffset !== topic.nextOffset) {
    throw new StateMismatch(`offset ${entry.baseOffset} of ${topic.topic} does not follow ${topic.nextOffset}`);
  }
  if (topic.nextOffset === topic.startOffset) topic.firstTimestampMs = timestampMs;
  topic.nextOffset += entry.recordCount;
  topic.bytes += entry.length;
  topic.lastTimestampMs = timestampMs;
  const stamp = entry.producer;
  if (stamp === undefined) return;
  let producer = state.producers.get(stamp.id);
  if (producer === undefined) {
    producer = { epoch: stamp.epoch, nextSequence: 0, results: [] };
    state.producers.set(stamp.id, producer);
  }
  if (producer.epoch !== stamp.epoch) {
    producer.epoch = stamp.epoch;
    producer.nextSequence = 0;
    producer.results.length = 0;
  }
  if (stamp.sequence !== producer.nextSequence) {
    throw new StateMismatch(`sequence ${stamp.sequence} of producer ${stamp.id} does not follow`);
  }
  producer.results[stamp.sequence % PRODUCER_RESULTS_KEPT] = { baseOffset: entry.baseOffset, timestampMs };
  producer.nextSequence += 1;
}

function applyRetired(state: LogState, id: string, epoch: number): void {
  state.producers.delete(id);
  state.retiredProducers.delete(id);
  state.retiredProducers.set(id, epoch);
  if (state.retiredProducers.size <= RETIRED_PRODUCERS_KEPT) return;
  for (const oldest of state.retiredProducers.keys()) {
    state.retiredProducers.delete(oldest);
    return;
  }
}

export function applyClaimed(state: LogState, topic: TopicState, group: string): void {
  topic.owner = group;
  const unclaimed = state.groups.get(UNCLAIMED_GROUP);
  const left = unclaimed?.positions.get(topic.id);
  if (unclaimed === undefined || left === undefined) return;
  movePositions(left, positionsOf(groupOf(state, group), topic));
  unclaimed.positions.delete(topic.id);
  if (unclaimed.positions.size === 0) state.groups.delete(UNCLAIMED_GROUP);
}

export function applyGroupDeleted(state: LogState, name: string): void {
  const group = removeGroup(state, name);
  for (const topic of state.topicsById.values()) {
    if (topic.owner !== name) continue;
    topic.owner = '';
    // Empty when the owner had read nothing yet: retention keeps the topic for the next owner all the same.
    const left = group.positions.get(topic.id) ?? new Map<string, PositionState>();
    movePositions(left, positionsOf(groupOf(state, UNCLAIMED_GROUP), topic));
  }
}

/** @throws StateMismatch */
function removeGroup(state: LogState, name: string): GroupState {
  const group = state.groups.get(name);
  if (group === undefined) throw new StateMismatch(`no group is called ${name}`);
  state.groups.delete(name);
  state.epochFloor = Math.max(state.epochFloor, group.epoch);
  return group;
}

function movePositions(from: ReadonlyMap<string, PositionState>, to: Map<string, PositionState>): void {
  // Both sides can have a position only where frames were lost; the higher one is behind more outputs.
  for (const [name, position] of from) {
    if (position.offset >= (to.get(name)?.offset ?? 0)) to.set(name, position);
  }
}

export function positionsOf(group: GroupState, topic: TopicState): Map<string, PositionState> {
  let positions = group.positions.get(topic.id);
  if (positions === undefined) {
    positions = new Map();
    group.positions.set(topic.id, positions);
  }
  return positions;
}

function topicOf(state: LogState, topicId: number): TopicState {
  const topic = state.topicsById.get(topicId);
  if (topic === undefined) throw new StateMismatch(`no topic has the id ${topicId}`);
  return topic;
}

export function newGroup(): GroupState {
  return { epoch: 0, lastUsedMs: 0, positions: new Map() };
}

export function groupOf(state: LogState, name: string): GroupState {
  let group = state.groups.get(name);
  if (group === undefined) {
    group = newGroup();
    state.groups.set(name, group);
  }
  return group;
}
