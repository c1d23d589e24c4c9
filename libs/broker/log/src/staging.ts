// Decides, request by request, what a group's frame will hold.
//
// A group is the requests that one frame makes durable together. Staging sees the stored state with the effects of
// the requests staged before in the same group, and changes neither: a group that could not be written is simply
// forgotten. Each request is decided as a whole before it adds its first entry.
//
// Bounds: `topicsMax` topics, `producersMax` producers, `groupsMax` groups, `positionsMax` positions, `positionsPerTopicMax` of a group in a topic.

import { PulsesError } from '@pulses/shared-errors';
import { appendsOf, type ProducerStamp, type TopicAppend, type TopicInfo } from '@pulses/broker-wire';
import type { Random } from '@pulses/shared-ports';
import {
  EXPIRED_PRODUCERS_MAX,
  type AppendResult,
  type CommitRequest,
  type CommitResult,
  type ExpiredGroup,
  type PositionDeletion,
} from '@pulses/broker-log-api';
import { hexOfBytes } from './bytes';
import type { Entry, PositionSet, TopicTrimmed } from './entries';
import { idleGroups } from './idle-groups';
import { createStagedProducers, type StagedProducers } from './staged-producers';
import {
  createTopicState,
  lastUsedMsOf,
  UNCLAIMED_GROUP,
  UNKNOWN_OWNER,
  type LogState,
  type TopicState,
} from './state';
import { topicInfo } from './topic-info';

/** Gives the request's result, once the group's frame is durable and applied. */
export type Outcome<T> = () => T;

export interface Staging {
  /** Forgets the group before and starts one whose frame has this timestamp. */
  begin(timestampMs: number): void;
  readonly entries: readonly Entry[];
  readonly producers: Pick<StagedProducers, 'era' | 'forgot' | 'refused'>;
  append(append: TopicAppend, producer: ProducerStamp | undefined, era: number | undefined): Outcome<AppendResult>;
  commit(request: CommitRequest): Outcome<CommitResult>;
  createTopic(topic: string): Outcome<TopicInfo>;
  // The requests below look at the stored state alone: each is the only one of its group.
  deleteTopics(topics: readonly string[]): Outcome<string[]>;
  advanceGroupEpoch(group: string, sourceTopic: string | undefined): Outcome<number>;
  deletePosition(request: PositionDeletion): Outcome<void>;
  deleteGroup(group: string): Outcome<boolean>;
  expireGroups(idleMs: number, hasMember: (group: string) => boolean): Outcome<ExpiredGroup[]>;
  retireProducer(id: string, epoch: number): Outcome<void>;
  expireProducers(unusedMs: number): Outcome<number>;
  /** `trims` are checked by the caller, which knows where segments start. */
  trim(trims: () => readonly TopicTrimmed[]): Outcome<void>;
}

export interface StagingLimits {
  readonly topicsMax: number;
  readonly producersMax: number;
  readonly groupsMax: number;
  readonly positionsMax: number;
  readonly positionsPerTopicMax: number;
}

export function createStaging(state: LogState, random: Random, limits: StagingLimits): Staging {
  const { topicsMax, groupsMax, positionsMax, positionsPerTopicMax } = limits;
  let entries: Entry[] = [];
  let timestampMs = 0;
  let group = 0;
  /** By topic id: claimed within this group. */
  const claims = new Map<number, string>();
  const madeTopics = new Map<string, TopicState>();
  const revisions = new Map<string, number>();
  /** Groups and positions that the staged requests add. */
  const newGroups = new Set<string>();
  const newPositions = new Map<string, number>();
  const producers = createStagedProducers(state, limits.producersMax);

  const topicFor = (name: string): TopicState => {
    const known = state.topicsByName.get(name) ?? madeTopics.get(name);
    if (known !== undefined) return known;
    const created = {
      kind: 'topic-created',
      topicId: state.nextTopicId + madeTopics.size,
      topic: name,
      incarnation: hexOfBytes(random.bytes(16)),
    } as const;
    entries.push(created);
    const topic = createTopicState(created);
    madeTopics.set(name, topic);
    return topic;
  };

  /** @throws PulsesError OVERLOADED */
  const checkRoomForTopics = (names: readonly { topic: string }[]): void => {
    let fresh = 0;
    for (const { topic } of names) if (!state.topicsByName.has(topic)) fresh += 1;
    if (fresh > 0 && state.topicsByName.size + madeTopics.size + fresh > topicsMax) {
      throw new PulsesError('OVERLOADED', `there are ${topicsMax} topics, the limit`);
    }
  };

  const nextOffsetOf = (topic: TopicState): number =>
    topic.stagedIn === group ? topic.stagedNextOffset : topic.nextOffset;

  const addAppend = (append: TopicAppend, producer: ProducerStamp | undefined): number => {
    const topic = topicFor(append.topic);
    const baseOffset = nextOffsetOf(topic);
    topic.stagedIn = group;
    topic.stagedNextOffset = baseOffset + append.recordCount;
    entries.push({
      kind: 'appended',
      topicId: topic.id,
      baseOffset,
      recordCount: append.recordCount,
      length: append.payload.length,
      bytes: append.payload,
      start: 0,
      producer,
    });
    return baseOffset;
  };

  const checkEpoch = (request: Pick<CommitRequest, 'group' | 'groupEpoch'>): void => {
    const epoch = state.groups.get(request.group)?.epoch ?? 0;
    if (request.groupEpoch !== epoch) {
      throw new PulsesError('FENCED', `group ${request.group} is in epoch ${epoch}, not ${request.groupEpoch}`);
    }
  };

  /** @throws PulsesError POSITION_CONFLICT */
  const topicOf = ({ topic: name, incarnation }: Pick<CommitRequest, 'topic' | 'incarnation'>): TopicState => {
    const topic = state.topicsByName.get(name);
    if (topic?.incarnation === incarnation) return topic;
    throw new PulsesError('POSITION_CONFLICT', `topic ${name} is not the one of the request`);
  };

  const ownerOf = (topic: TopicState): string => claims.get(topic.id) ?? topic.owner;

  /**
   * Claims the outputs of the topic for the group. Each frame with outputs says so again: where frames before it are lost,
   * the owner is known all the same.
   * @throws PulsesError OUTPUTS_OWNED
   */
  const claim = (topic: TopicState, name: string): void => {
    const owner = ownerOf(topic);
    if (claims.get(topic.id) === name) return;
    if (owner !== '' && owner !== name) {
      const what = `the outputs of ${topic.topic} belong to the group '${owner}'`;
      throw new PulsesError('OUTPUTS_OWNED', `${what}; 'pulses groups delete ${owner}' hands them over`);
    }
    claims.set(topic.id, name);
    entries.push({ kind: 'outputs-claimed', topicId: topic.id, group: name });
  };

  /**
   * A commit that claims outputs must not start over where a deleted owner ended. A join as publisher brings the positions.
   * @throws PulsesError POSITION_CONFLICT
   */
  const checkUnclaimed = (topic: TopicState, name: string): void => {
    if (ownerOf(topic) === name || state.groups.get(UNCLAIMED_GROUP)?.positions.get(topic.id) === undefined) return;
    const what = `the outputs of ${topic.topic} have positions of an owner that was deleted`;
    throw new PulsesError('POSITION_CONFLICT', `${what}: join as publisher first`);
  };

  /** Every offset of the topic once the request is stored. @throws PulsesError OFFSET_OUT_OF_RANGE */
  const checkOffsets = ({ positions }: CommitRequest, appends: readonly TopicAppend[], topic: TopicState): void => {
    let end = nextOffsetOf(topic);
    for (const append of appends) if (append.topic === topic.topic) end += append.recordCount;
    for (const { name, offset } of positions) {
      if (offset >= topic.startOffset && offset <= end) continue;
      const what = `position ${name} is at ${offset}: ${topic.topic} holds the offsets ${topic.startOffset} to ${end}`;
      throw new PulsesError('OFFSET_OUT_OF_RANGE', what);
    }
  };

  /** @throws PulsesError OVERLOADED */
  const checkRoomForGroup = (name: string): void => {
    const isKnown = state.groups.has(name) || newGroups.has(name);
    const stored = state.groups.size - (state.groups.has(UNCLAIMED_GROUP) ? 1 : 0);
    if (isKnown || stored + newGroups.size < groupsMax) return;
    throw new PulsesError('OVERLOADED', `there are ${groupsMax} groups, the limit: 'pulses groups delete' removes one`);
  };

  /** @throws PulsesError OVERLOADED */
  const checkRoomForPositions = ({ group: name, positions }: CommitRequest, topic: TopicState): void => {
    const fresh = positions.filter(({ expectedRevision }) => expectedRevision === 0).length;
    if (fresh === 0) return;
    const stored = state.groups.get(name)?.positions.get(topic.id)?.size ?? 0;
    const staged = newPositions.get(revisionKey(name, topic.id, '')) ?? 0;
    if (stored + staged + fresh > positionsPerTopicMax) {
      const what = `group ${name} has ${stored + staged} positions in ${topic.topic}`;
      throw new PulsesError('OVERLOADED', `${what}; the limit is ${positionsPerTopicMax}`);
    }
    let all = fresh;
    for (const count of newPositions.values()) all += count;
    for (const { positions: byTopic } of state.groups.values()) for (const { size } of byTopic.values()) all += size;
    if (all <= positionsMax) return;
    const what = `the groups have ${all - fresh} positions; the limit is ${positionsMax}`;
    throw new PulsesError('OVERLOADED', `${what}: 'pulses groups delete' removes those of a group`);
  };

  const checkedPositions = (request: CommitRequest, topic: TopicState): PositionSet[] => {
    const stored = state.groups.get(request.group)?.positions.get(topic.id);
    return request.positions.map(({ name, expectedRevision, offset, metadata }) => {
      const revision = revisions.get(revisionKey(request.group, topic.id, name)) ?? stored?.get(name)?.revision ?? 0;
      if (revision !== expectedRevision) {
        throw new PulsesError(
          'POSITION_CONFLICT',
          `position ${name} is at revision ${revision}, not ${expectedRevision}`,
        );
      }
      return { name, offset, revision: revision + 1, metadata };
    });
  };

  return {
    get entries() {
      return entries;
    },
    producers,
    begin: (at) => {
      entries = [];
      timestampMs = at;
      group += 1;
      claims.clear();
      madeTopics.clear();
      revisions.clear();
      newGroups.clear();
      newPositions.clear();
      producers.reset();
    },
    append: (append, producer, era) => {
      const first = producer === undefined ? undefined : producers.check(producer, era);
      if (first !== undefined) return () => ({ ...first, duplicate: true });
      checkRoomForTopics([append]);
      const result = { baseOffset: addAppend(append, producer), timestampMs };
      if (producer !== undefined) producers.accept(producer, result);
      return () => ({ ...result, duplicate: false });
    },
    commit: (request) => {
      checkEpoch(request);
      const topic = topicOf(request);
      const positions = checkedPositions(request, topic);
      const appends = appendsOf(request, (id) => state.topicsById.get(id)?.topic);
      checkOffsets(request, appends, topic);
      checkRoomForGroup(request.group);
      checkRoomForPositions(request, topic);
      checkRoomForTopics(appends);
      if (appends.length > 0) {
        checkUnclaimed(topic, request.group);
        claim(topic, request.group);
      }
      for (const append of appends) addAppend(append, undefined);
      if (positions.length > 0) {
        entries.push({ kind: 'positions-set', group: request.group, topicId: topic.id, positions });
        if (!state.groups.has(request.group)) newGroups.add(request.group);
        for (const { name, revision } of positions) {
          revisions.set(revisionKey(request.group, topic.id, name), revision);
          if (revision > 1) continue;
          const key = revisionKey(request.group, topic.id, '');
          newPositions.set(key, (newPositions.get(key) ?? 0) + 1);
        }
      }
      const at = timestampMs;
      const idOf = (name: string): number => state.topicsByName.get(name)?.id ?? 0;
      return () => ({ timestampMs: at, newTopicIds: Uint32Array.from(request.newTopics, idOf) });
    },
    createTopic: (name) => {
      checkRoomForTopics([{ topic: name }]);
      topicFor(name);
      return () => topicInfo(state.topicsByName.get(name)!); // applied just before
    },
    deleteTopics: (names) => {
      const found =
        names.length === 0
          ? [...state.topicsByName.keys()]
          : [...new Set(names)].filter((name) => state.topicsByName.has(name));
      const deleted = found.map((topic) => {
        const { id, incarnation } = state.topicsByName.get(topic)!; // filtered just before
        return { topicId: id, topic, incarnation };
      });
      if (deleted.length > 0) entries.push({ kind: 'topics-deleted', topics: deleted });
      return () => found;
    },
    advanceGroupEpoch: (name, sourceTopic) => {
      if (name === UNKNOWN_OWNER) throw new PulsesError('PROTOCOL_VIOLATION', `${name} is a reserved name of a group`);
      checkRoomForGroup(name);
      if (sourceTopic !== undefined) {
        checkRoomForTopics([{ topic: sourceTopic }]);
        claim(topicFor(sourceTopic), name);
      }
      const epoch = (state.groups.get(name)?.epoch ?? state.epochFloor) + 1;
      entries.push({ kind: 'group-epoch-set', group: name, epoch });
      return () => epoch;
    },
    deletePosition: (request) => {
      const { group: name, groupEpoch, name: position, expectedRevision } = request;
      checkEpoch({ group: name, groupEpoch });
      const topic = topicOf(request);
      const revision = state.groups.get(name)?.positions.get(topic.id)?.get(position)?.revision ?? 0;
      if (revision === 0 || revision !== expectedRevision) {
        const what = `position ${position} is at revision ${revision}, not ${expectedRevision}`;
        throw new PulsesError('POSITION_CONFLICT', what);
      }
      entries.push({ kind: 'position-deleted', group: name, topicId: topic.id, name: position });
      return () => undefined;
    },
    deleteGroup: (name) => {
      const isKnown = state.groups.has(name);
      if (isKnown) entries.push({ kind: 'group-deleted', group: name });
      return () => isKnown;
    },
    expireGroups: (idleMs, hasMember) => {
      const { expired, kept } = idleGroups(state, timestampMs, idleMs, hasMember);
      for (const { group: name } of expired) entries.push({ kind: 'group-expired', group: name });
      // Said again, so that the idle time starts from here.
      for (const name of kept) {
        const { epoch } = state.groups.get(name)!; // found there
        entries.push({ kind: 'group-epoch-set', group: name, epoch });
      }
      return () => expired;
    },
    retireProducer: (id, epoch) => {
      const known = state.producers.get(id);
      if (known !== undefined && epoch < known.epoch) {
        throw new PulsesError('FENCED', `producer ${id} is in epoch ${known.epoch}`);
      }
      const isRetired = known === undefined && epoch <= (state.retiredProducers.get(id) ?? -1);
      if (!isRetired) entries.push({ kind: 'producer-retired', id, epoch });
      return () => undefined;
    },
    expireProducers: (unusedMs) => {
      const ids: string[] = [];
      for (const [id, producer] of state.producers) {
        if (ids.length < EXPIRED_PRODUCERS_MAX && timestampMs - lastUsedMsOf(producer) >= unusedMs) ids.push(id);
      }
      if (ids.length > 0) entries.push({ kind: 'producers-expired', ids });
      return () => ids.length;
    },
    trim: (trims) => {
      entries.push(...trims());
      return () => undefined;
    },
  };
}

/** Names hold no control characters, so the parts cannot run into each other. */
function revisionKey(group: string, topicId: number, name: string): string {
  return `${group}\n${topicId}\n${name}`;
}
