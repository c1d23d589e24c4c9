// Everything that the journal's frames add up to, except the messages themselves: topics, producers, positions, group
// epochs and runs.
//
// Guarantees: `applyFrame` is the only thing that changes a state (but for staged topics), and the result depends on the
// frames alone, so a state rebuilt from the journal equals the one that was running. It decides nothing: what is allowed
// was decided by staging.ts before the frame was written. A frame that does not fit the state throws StateMismatch,
// unchanged bytes notwithstanding: it then follows on another state than the one it was written for.

import { PRODUCER_RESULTS_KEPT, type ProducerStamp } from '@pulses/broker-wire';
import type { Entry, PositionSet, RunKey } from '../journal/entries';
import type { PlacedFrame } from '../journal/journal';
import { NO_ROW, TopicTable } from '../topics/topic-table';

/** Producers that have said goodbye and are remembered, so that a late request of theirs stays fenced. */
export const RETIRED_PRODUCERS_KEPT = 10_000;

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

/** The messages of one kind of topics in a range of frames. */
export interface Run extends RunKey {
  readonly lastLsn: number;
  /** Length of its file. */
  readonly bytes: number;
}

export interface LogState {
  /** LSN of the last frame applied; 0 before the first. */
  lsn: number;
  lastTimestampMs: number;
  readonly topics: TopicTable;
  /** By topic id: the group that publishes what is derived from the topic. */
  readonly owners: Map<number, string>;
  readonly producers: Map<string, ProducerState>;
  /** Epoch up to which each retired producer is fenced, oldest first. */
  readonly retiredProducers: Map<string, number>;
  readonly groups: Map<string, GroupState>;
  /** Epochs of a new group start above it: the highest epoch of any group that was deleted. */
  epochFloor: number;
  /** The messages of the frames up to this one are in runs. */
  sealedLsn: number;
  /** In the order of their frames. */
  runs: Run[];
}

/** What a frame does, beside its rows. */
export type AppliedFrame = Pick<PlacedFrame, 'lsn' | 'timestampMs' | 'rows' | 'columns' | 'entries'>;

/** What applying the frames of a group has shown. */
export interface Effects {
  /** Rows of watched topics that have new messages. */
  readonly grown: number[];
  /** Names of topics that were made, and of watched ones that were deleted. */
  readonly renewed: string[];
  /** Messages and bytes, two numbers a kind. */
  readonly kinds: Float64Array;
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

export function createState(logId: Uint8Array, kindOf: (topic: string) => number): LogState {
  return {
    lsn: 0,
    lastTimestampMs: 0,
    topics: new TopicTable(logId, kindOf),
    owners: new Map(),
    producers: new Map(),
    retiredProducers: new Map(),
    groups: new Map(),
    epochFloor: 0,
    sealedLsn: 0,
    runs: [],
  };
}

/** @throws StateMismatch */
export function applyFrame(state: LogState, frame: AppliedFrame, effects: Effects): void {
  const { topics } = state;
  const { lsn, timestampMs, rows, columns, entries } = frame;
  if (lsn !== state.lsn + 1) throw new StateMismatch(`frame ${lsn} after frame ${state.lsn}`);
  for (const entry of entries) if (entry.kind === 'topics-created') applyCreated(state, entry, effects);
  const stamp = entries.length > 0 ? stampOf(entries) : undefined;
  // Before the row counts: its result is where the messages begin.
  if (stamp !== undefined) applyProduced(state, stamp, columns, timestampMs);
  if (!topics.append(columns, rows, timestampMs, effects.grown, effects.kinds)) {
    throw new StateMismatch(`frame ${lsn} appends to a topic that is not there`);
  }
  for (const entry of entries) applyEntry(state, entry, timestampMs, effects);
  state.lsn = lsn;
  state.lastTimestampMs = timestampMs;
}

function stampOf(entries: readonly Entry[]): ProducerStamp | undefined {
  for (const entry of entries) if (entry.kind === 'produced') return entry.stamp;
  return undefined;
}

function applyCreated(state: LogState, entry: Extract<Entry, { kind: 'topics-created' }>, { renewed }: Effects): void {
  for (const [index, name] of entry.names.entries()) {
    if (!state.topics.create(entry.firstId + index, name)) throw new StateMismatch(`topic ${name} exists already`);
    renewed.push(name);
  }
}

function applyEntry(state: LogState, entry: Entry, timestampMs: number, effects: Effects): void {
  switch (entry.kind) {
    case 'topics-created':
    case 'produced':
      break;
    case 'positions-set': {
      const group = groupOf(state, entry.group);
      rowOf(state, entry.topicId);
      group.lastUsedMs = timestampMs;
      setPositions(positionsOf(group, entry.topicId), entry.positions);
      break;
    }
    case 'position-deleted': {
      const group = groupOf(state, entry.group);
      const positions = positionsOf(group, entry.topicId);
      if (!positions.delete(entry.name)) throw new StateMismatch(`no position is called ${entry.name}`);
      if (positions.size === 0) group.positions.delete(entry.topicId);
      group.lastUsedMs = timestampMs;
      break;
    }
    case 'topics-deleted':
      for (const topicId of entry.topicIds) applyDeleted(state, topicId, effects);
      break;
    case 'group-epoch-set': {
      const group = groupOf(state, entry.group);
      group.epoch = entry.epoch;
      group.lastUsedMs = timestampMs;
      break;
    }
    case 'producer-retired':
      applyRetired(state, entry.id, entry.epoch);
      break;
    case 'producers-expired':
      for (const id of entry.ids) state.producers.delete(id);
      break;
    case 'topics-trimmed':
      for (const trim of entry.trims) {
        state.topics.trim(rowOf(state, trim.topicId), trim.startOffset, trim.bytesRemoved, trim.firstTimestampMs);
      }
      break;
    case 'outputs-claimed':
      rowOf(state, entry.topicId);
      applyClaimed(state, entry.topicId, entry.group);
      break;
    case 'group-deleted':
      applyGroupDeleted(state, entry.group);
      break;
    case 'group-expired':
      removeGroup(state, entry.group);
      break;
    case 'runs-sealed':
      if (entry.firstLsn !== state.sealedLsn + 1) {
        throw new StateMismatch(`frames from ${entry.firstLsn} on are sealed after ${state.sealedLsn}`);
      }
      for (const { kind, bytes } of entry.runs) {
        state.runs.push({ kind, bytes, firstLsn: entry.firstLsn, lastLsn: entry.lastLsn });
      }
      state.sealedLsn = entry.lastLsn;
      break;
    case 'runs-dropped':
      state.runs = state.runs.filter((run) => !entry.runs.some((key) => isSameRun(run, key)));
      break;
  }
}

function isSameRun(left: RunKey, right: RunKey): boolean {
  return left.kind === right.kind && left.firstLsn === right.firstLsn;
}

function applyDeleted(state: LogState, topicId: number, { renewed }: Effects): void {
  const row = rowOf(state, topicId);
  if (state.topics.isWatched(row)) renewed.push(state.topics.nameOf(row));
  state.topics.remove(row);
  state.owners.delete(topicId);
  for (const group of state.groups.values()) group.positions.delete(topicId);
}

function applyProduced(state: LogState, stamp: ProducerStamp, columns: Uint32Array, timestampMs: number): void {
  const { id, epoch, sequence } = stamp;
  const baseOffset = state.topics.nextOffset(rowOf(state, columns[0] ?? 0));
  let producer = state.producers.get(id);
  if (producer === undefined) {
    producer = { epoch, nextSequence: 0, results: [] };
    state.producers.set(id, producer);
  }
  if (producer.epoch !== epoch) {
    producer.epoch = epoch;
    producer.nextSequence = 0;
    producer.results.length = 0;
  }
  if (sequence !== producer.nextSequence) {
    throw new StateMismatch(`sequence ${sequence} of producer ${id} does not follow`);
  }
  producer.results[sequence % PRODUCER_RESULTS_KEPT] = { baseOffset, timestampMs };
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

function applyClaimed(state: LogState, topicId: number, name: string): void {
  state.owners.set(topicId, name);
  const unclaimed = state.groups.get(UNCLAIMED_GROUP);
  const left = unclaimed?.positions.get(topicId);
  if (unclaimed === undefined || left === undefined) return;
  movePositions(left, positionsOf(groupOf(state, name), topicId));
  unclaimed.positions.delete(topicId);
  if (unclaimed.positions.size === 0) state.groups.delete(UNCLAIMED_GROUP);
}

function applyGroupDeleted(state: LogState, name: string): void {
  const group = removeGroup(state, name);
  for (const [topicId, owner] of state.owners) {
    if (owner !== name) continue;
    state.owners.delete(topicId);
    // Empty when the owner had read nothing yet: retention keeps the topic for the next owner all the same.
    const left = group.positions.get(topicId) ?? new Map<string, PositionState>();
    movePositions(left, positionsOf(groupOf(state, UNCLAIMED_GROUP), topicId));
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

function setPositions(positions: Map<string, PositionState>, changes: readonly PositionSet[]): void {
  for (const { name, offset, revision, metadata } of changes) positions.set(name, { offset, revision, metadata });
}

function positionsOf(group: GroupState, topicId: number): Map<string, PositionState> {
  let positions = group.positions.get(topicId);
  if (positions === undefined) {
    positions = new Map();
    group.positions.set(topicId, positions);
  }
  return positions;
}

/** @throws StateMismatch */
function rowOf(state: LogState, topicId: number): number {
  const row = state.topics.rowOf(topicId);
  if (row === NO_ROW) throw new StateMismatch(`no topic has the id ${topicId}`);
  return row;
}

function groupOf(state: LogState, name: string): GroupState {
  let group = state.groups.get(name);
  if (group === undefined) {
    group = { epoch: 0, lastUsedMs: 0, positions: new Map() };
    state.groups.set(name, group);
  }
  return group;
}
