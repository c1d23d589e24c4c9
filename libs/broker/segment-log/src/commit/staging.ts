// Decides, request by request, which frames a group will hold.
//
// A group is the requests that are written together. Staging sees the stored state with the effects of the requests
// staged before in the same group, and changes neither, but for rows of topics that nothing shows yet: a group that
// could not be written is forgotten. Each request is decided as a whole before it adds its frame.
//
// Bounds: `topicsMax` topics, `producersMax` producers, `groupsMax` groups, `positionsMax` positions, `positionsPerTopicMax` of a group in a topic.

import { PulsesError } from '@pulses/shared-errors';
import { NEW_TOPIC_ID, type ProducerStamp, type TopicAppend, type TopicInfo } from '@pulses/broker-wire';
import {
  EXPIRED_PRODUCERS_MAX,
  type AppendResult,
  type CommitRequest,
  type CommitResult,
  type ExpiredGroup,
  type GroupRequest,
  type PositionDeletion,
} from '@pulses/broker-log-api';
import type { Entry, TopicTrim } from '../journal/entries';
import type { Journal, PlacedFrame } from '../journal/journal';
import { NO_ROW } from '../topics/topic-table';
import { FrameDraft } from './frame-draft';
import { idleGroups } from './idle-groups';
import { lastUsedMsOf, UNKNOWN_OWNER, type LogState } from './log-state';
import { StagedGroups, type GroupLimits } from './staged-groups';
import { StagedProducers } from './staged-producers';

/** Gives the request's result, once the group is durable and applied. */
export type Outcome<T> = () => T;

export interface StagingLimits extends GroupLimits {
  readonly topicsMax: number;
  readonly producersMax: number;
}

export class Staging {
  readonly #state: LogState;
  readonly #journal: Journal;
  readonly #limits: StagingLimits;
  readonly #draft = new FrameDraft();
  readonly producers: StagedProducers;
  #frames: PlacedFrame[] = [];
  #group = 0;
  #timestampMs = 0;
  /** Ids of topics that the staged requests make. */
  #made: number[] = [];
  readonly #groups: StagedGroups;

  constructor(state: LogState, journal: Journal, limits: StagingLimits) {
    this.#state = state;
    this.#journal = journal;
    this.#limits = limits;
    this.#groups = new StagedGroups(state, limits);
    this.producers = new StagedProducers(state, limits.producersMax);
  }

  /** The frames of the group, in order. */
  get frames(): readonly PlacedFrame[] {
    return this.#frames;
  }

  /** Forgets the group before and starts one whose frames have this timestamp. */
  begin(timestampMs: number): void {
    this.#frames = [];
    this.#timestampMs = timestampMs;
    this.#group += 1;
    this.#made = [];
    this.#groups.reset();
    this.producers.reset();
  }

  /** The group was not written. */
  abandon(): void {
    this.#state.topics.unstage(this.#made);
    this.begin(this.#timestampMs);
  }

  append(append: TopicAppend, producer: ProducerStamp | undefined, era: number | undefined): Outcome<AppendResult> {
    const first = producer === undefined ? undefined : this.producers.check(producer, era);
    if (first !== undefined) return () => ({ ...first, duplicate: true });
    this.#checkRoomForTopics([append.topic]);
    const draft = this.#draft.reset();
    const row = this.#rowFor(append.topic);
    const baseOffset = this.#addCount(row, append.recordCount);
    draft.takeAppend(this.#state.topics.idOf(row), append);
    const timestampMs = this.#timestampMs;
    const result = { baseOffset, timestampMs };
    if (producer !== undefined) {
      this.producers.accept(producer, result);
      draft.entries.push({ kind: 'produced', stamp: producer });
    }
    this.#addFrame();
    return () => ({ baseOffset, timestampMs, duplicate: false });
  }

  commit(request: CommitRequest): Outcome<CommitResult> {
    const { topics } = this.#state;
    const { group, newTopics, topicIds, counts } = request;
    this.#groups.checkEpoch(request);
    const row = this.#topicOf(request);
    const topicId = topics.idOf(row);
    const positions = this.#groups.checkedPositions(request, topicId);
    this.#checkOffsets(request, row, this.#checkedCount(request, topicId));
    this.#groups.checkRoomForGroup(group);
    this.#groups.checkRoomForPositions(request, topicId);
    this.#checkRoomForTopics(newTopics);
    const draft = this.#draft.reset();
    if (topicIds.length > 0) {
      this.#groups.checkUnclaimed(topicId, group);
      this.#claim(row, group);
    }
    const ids = draft.takeColumns(request);
    const newTopicIds = Uint32Array.from(newTopics, (name) => topics.idOf(this.#rowFor(name)));
    for (let index = 0; index < topicIds.length; index += 1) {
      const given = topicIds[index]!; // in range
      const id = given >= NEW_TOPIC_ID ? newTopicIds[given - NEW_TOPIC_ID]! : given; // checked above
      ids[index] = id;
      this.#addCount(topics.rowOf(id), counts[index]!); // as many as ids
    }
    if (positions.length > 0) {
      draft.entries.push({ kind: 'positions-set', group, topicId, positions });
      this.#groups.notePositions(group, topicId, positions);
    }
    if (!draft.isEmpty) this.#addFrame();
    const timestampMs = this.#timestampMs;
    return () => ({ timestampMs, newTopicIds });
  }

  createTopic(name: string): Outcome<TopicInfo> {
    const { topics } = this.#state;
    if (topics.find(name) === NO_ROW) {
      this.#checkRoomForTopics([name]);
      this.#draft.reset();
      this.#rowFor(name);
      this.#addFrame();
    }
    return () => topics.info(topics.findStored(name)); // applied just before
  }

  // The requests below look at the stored state alone: each is the only one of its group.

  deleteTopics(names: readonly string[]): Outcome<string[]> {
    const { topics } = this.#state;
    const topicIds: number[] = [];
    const found: string[] = [];
    const add = (row: number): void => {
      topicIds.push(topics.idOf(row));
      found.push(topics.nameOf(row));
    };
    if (names.length === 0) topics.storedRows().forEach(add);
    for (const name of new Set(names)) {
      const row = topics.findStored(name);
      if (row !== NO_ROW) add(row);
    }
    if (found.length > 0) this.#addEntry({ kind: 'topics-deleted', topicIds });
    return () => found;
  }

  advanceGroupEpoch(name: string, sourceTopic: string | undefined): Outcome<number> {
    if (name === UNKNOWN_OWNER) throw new PulsesError('PROTOCOL_VIOLATION', `${name} is a reserved name of a group`);
    this.#groups.checkRoomForGroup(name);
    const draft = this.#draft.reset();
    if (sourceTopic !== undefined) {
      this.#checkRoomForTopics([sourceTopic]);
      const known = this.#state.topics.find(sourceTopic);
      if (known !== NO_ROW) this.#groups.checkOwner(known, name);
      this.#claim(this.#rowFor(sourceTopic), name);
    }
    const epoch = (this.#state.groups.get(name)?.epoch ?? this.#state.epochFloor) + 1;
    draft.entries.push({ kind: 'group-epoch-set', group: name, epoch });
    this.#addFrame();
    return () => epoch;
  }

  deletePosition(request: PositionDeletion): Outcome<void> {
    const { group, name, expectedRevision } = request;
    this.#groups.checkEpoch(request);
    const topicId = this.#state.topics.idOf(this.#topicOf(request));
    const revision = this.#state.groups.get(group)?.positions.get(topicId)?.get(name)?.revision ?? 0;
    if (revision === 0 || revision !== expectedRevision) {
      const what = `position ${name} is at revision ${revision}, not ${expectedRevision}`;
      throw new PulsesError('POSITION_CONFLICT', what);
    }
    this.#addEntry({ kind: 'position-deleted', group, topicId, name });
    return () => undefined;
  }

  deleteGroup(name: string): Outcome<boolean> {
    const isKnown = this.#state.groups.has(name);
    if (isKnown) this.#addEntry({ kind: 'group-deleted', group: name });
    return () => isKnown;
  }

  expireGroups(idleMs: number, hasMember: (group: string) => boolean): Outcome<ExpiredGroup[]> {
    const { expired, kept } = idleGroups(this.#state, this.#timestampMs, idleMs, hasMember);
    const draft = this.#draft.reset();
    for (const { group } of expired) draft.entries.push({ kind: 'group-expired', group });
    // Said again, so that the idle time starts from here.
    for (const group of kept) {
      const { epoch } = this.#state.groups.get(group)!; // found there
      draft.entries.push({ kind: 'group-epoch-set', group, epoch });
    }
    if (!draft.isEmpty) this.#addFrame();
    return () => expired;
  }

  retireProducer(id: string, epoch: number): Outcome<void> {
    const known = this.#state.producers.get(id);
    if (known !== undefined && epoch < known.epoch) {
      throw new PulsesError('FENCED', `producer ${id} is in epoch ${known.epoch}`);
    }
    const isRetired = known === undefined && epoch <= (this.#state.retiredProducers.get(id) ?? -1);
    if (!isRetired) this.#addEntry({ kind: 'producer-retired', id, epoch });
    return () => undefined;
  }

  expireProducers(unusedMs: number): Outcome<number> {
    const ids: string[] = [];
    for (const [id, producer] of this.#state.producers) {
      if (ids.length < EXPIRED_PRODUCERS_MAX && this.#timestampMs - lastUsedMsOf(producer) >= unusedMs) ids.push(id);
    }
    if (ids.length > 0) this.#addEntry({ kind: 'producers-expired', ids });
    return () => ids.length;
  }

  /** Trims are checked by the caller, which knows where runs end. */
  trim(trims: readonly TopicTrim[]): Outcome<void> {
    if (trims.length > 0) this.#addEntry({ kind: 'topics-trimmed', trims });
    return () => undefined;
  }

  /** A change that the log itself makes. */
  note(entry: Extract<Entry, { kind: 'runs-sealed' | 'runs-dropped' }>): Outcome<void> {
    this.#addEntry(entry);
    return () => undefined;
  }

  #addEntry(entry: Entry): void {
    this.#draft.reset().entries.push(entry);
    this.#addFrame();
  }

  #addFrame(): void {
    this.#frames.push(this.#journal.add(this.#draft.content(this.#timestampMs)));
  }

  /** The topic's row, which is made when it does not exist. */
  #rowFor(name: string): number {
    const { topics } = this.#state;
    const known = topics.find(name);
    if (known !== NO_ROW) return known;
    const row = topics.stage(name);
    const id = topics.idOf(row);
    this.#made.push(id);
    this.#draft.addTopic(id, name);
    return row;
  }

  /** Gives messages to a topic, and answers the offset of the first. */
  #addCount(row: number, count: number): number {
    const { topics } = this.#state;
    const baseOffset = topics.stagedOffset(row, this.#group);
    topics.setStagedOffset(row, this.#group, baseOffset + count);
    return baseOffset;
  }

  /** Messages of the commit for the topic of its positions. @throws PulsesError TOPIC_UNKNOWN for an id without a topic */
  #checkedCount({ topic, newTopics, topicIds, counts }: CommitRequest, topicId: number): number {
    const { topics } = this.#state;
    let count = 0;
    for (let index = 0; index < topicIds.length; index += 1) {
      const id = topicIds[index]!; // in range
      const isNew = id >= NEW_TOPIC_ID;
      const isKnown = isNew ? id - NEW_TOPIC_ID < newTopics.length : topics.rowOf(id) !== NO_ROW;
      if (!isKnown) throw new PulsesError('TOPIC_UNKNOWN', `no topic has the id ${id}`);
      const isOwn = isNew ? newTopics[id - NEW_TOPIC_ID] === topic : id === topicId;
      if (isOwn) count += counts[index]!; // as many as ids
    }
    return count;
  }

  /** @throws PulsesError OVERLOADED */
  #checkRoomForTopics(names: readonly string[]): void {
    const { topics } = this.#state;
    const { topicsMax } = this.#limits;
    // Only near the limit does it matter how many are new.
    if (topics.size + names.length <= topicsMax) return;
    let fresh = 0;
    for (const name of names) if (topics.findStored(name) === NO_ROW) fresh += 1;
    if (fresh > 0 && topics.size + fresh > topicsMax) {
      throw new PulsesError('OVERLOADED', `there are ${topicsMax} topics, the limit`);
    }
  }

  /** @throws PulsesError POSITION_CONFLICT */
  #topicOf({ topic, incarnation }: Pick<GroupRequest, 'topic' | 'incarnation'>): number {
    const { topics } = this.#state;
    const row = topics.findStored(topic);
    if (row !== NO_ROW && topics.incarnationOf(row) === incarnation) return row;
    throw new PulsesError('POSITION_CONFLICT', `topic ${topic} is not the one of the request`);
  }

  /**
   * Claims the outputs of the topic for the group. Each frame with outputs says so again: where frames before it are lost,
   * the owner is known all the same.
   * @throws PulsesError OUTPUTS_OWNED
   */
  #claim(row: number, group: string): void {
    this.#groups.checkOwner(row, group);
    const topicId = this.#state.topics.idOf(row);
    this.#groups.claim(topicId, group);
    this.#draft.entries.push({ kind: 'outputs-claimed', topicId, group });
  }

  /** Every offset of the topic once the request is stored. @throws PulsesError OFFSET_OUT_OF_RANGE */
  #checkOffsets({ topic, positions }: CommitRequest, row: number, ownCount: number): void {
    const { topics } = this.#state;
    const start = topics.startOffset(row);
    const end = topics.stagedOffset(row, this.#group) + ownCount;
    for (const { name, offset } of positions) {
      if (offset >= start && offset <= end) continue;
      const what = `position ${name} is at ${offset}: ${topic} holds the offsets ${start} to ${end}`;
      throw new PulsesError('OFFSET_OUT_OF_RANGE', what);
    }
  }
}
