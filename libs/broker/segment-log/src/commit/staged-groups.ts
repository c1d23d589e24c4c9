// What a group of requests does to consumer groups, over the stored state: claims, positions, new groups.
//
// Guarantees: a check sees the stored state with the effects of the requests staged before in the same group of requests,
// and changes nothing. Bounds: `groupsMax` groups, `positionsMax` positions, `positionsPerTopicMax` of a group in a topic.

import { PulsesError } from '@pulses/shared-errors';
import type { CommitRequest, GroupRequest } from '@pulses/broker-log-api';
import type { PositionSet } from '../journal/entries';
import { UNCLAIMED_GROUP, type LogState } from './log-state';

export interface GroupLimits {
  readonly groupsMax: number;
  readonly positionsMax: number;
  readonly positionsPerTopicMax: number;
}

export class StagedGroups {
  readonly #state: LogState;
  readonly #limits: GroupLimits;
  /** By topic id: claimed within this group of requests. */
  readonly #claims = new Map<number, string>();
  readonly #revisions = new Map<string, number>();
  /** Groups and positions that the staged requests add. */
  readonly #newGroups = new Set<string>();
  readonly #newPositions = new Map<string, number>();

  constructor(state: LogState, limits: GroupLimits) {
    this.#state = state;
    this.#limits = limits;
  }

  /** Forgets what was staged. */
  reset(): void {
    this.#claims.clear();
    this.#revisions.clear();
    this.#newGroups.clear();
    this.#newPositions.clear();
  }

  claim(topicId: number, group: string): void {
    this.#claims.set(topicId, group);
  }

  /** @throws PulsesError FENCED */
  checkEpoch(request: Pick<GroupRequest, 'group' | 'groupEpoch'>): void {
    const epoch = this.#state.groups.get(request.group)?.epoch ?? 0;
    if (request.groupEpoch !== epoch) {
      throw new PulsesError('FENCED', `group ${request.group} is in epoch ${epoch}, not ${request.groupEpoch}`);
    }
  }

  #ownerOf(topicId: number): string {
    return this.#claims.get(topicId) ?? this.#state.owners.get(topicId) ?? '';
  }

  /** @throws PulsesError OUTPUTS_OWNED */
  checkOwner(row: number, name: string): void {
    const owner = this.#ownerOf(this.#state.topics.idOf(row));
    if (owner === '' || owner === name) return;
    const what = `the outputs of ${this.#state.topics.nameOf(row)} belong to the group '${owner}'`;
    throw new PulsesError('OUTPUTS_OWNED', `${what}; 'pulses groups delete ${owner}' hands them over`);
  }

  /**
   * A commit that claims outputs must not start over where a deleted owner ended. A join as publisher brings the positions.
   * @throws PulsesError POSITION_CONFLICT
   */
  checkUnclaimed(topicId: number, name: string): void {
    if (this.#ownerOf(topicId) === name) return;
    if (this.#state.groups.get(UNCLAIMED_GROUP)?.positions.get(topicId) === undefined) return;
    const what = 'the outputs of the topic have positions of an owner that was deleted';
    throw new PulsesError('POSITION_CONFLICT', `${what}: join as publisher first`);
  }

  /** @throws PulsesError OVERLOADED */
  checkRoomForGroup(name: string): void {
    const { groups } = this.#state;
    const { groupsMax } = this.#limits;
    const isKnown = groups.has(name) || this.#newGroups.has(name);
    const stored = groups.size - (groups.has(UNCLAIMED_GROUP) ? 1 : 0);
    if (isKnown || stored + this.#newGroups.size < groupsMax) return;
    throw new PulsesError('OVERLOADED', `there are ${groupsMax} groups, the limit: 'pulses groups delete' removes one`);
  }

  /** @throws PulsesError OVERLOADED */
  checkRoomForPositions({ group: name, topic, positions }: CommitRequest, topicId: number): void {
    const { groups } = this.#state;
    const { positionsMax, positionsPerTopicMax } = this.#limits;
    const fresh = positions.filter(({ expectedRevision }) => expectedRevision === 0).length;
    if (fresh === 0) return;
    const stored = groups.get(name)?.positions.get(topicId)?.size ?? 0;
    const staged = this.#newPositions.get(revisionKey(name, topicId, '')) ?? 0;
    if (stored + staged + fresh > positionsPerTopicMax) {
      const what = `group ${name} has ${stored + staged} positions in ${topic}`;
      throw new PulsesError('OVERLOADED', `${what}; the limit is ${positionsPerTopicMax}`);
    }
    let all = fresh;
    for (const count of this.#newPositions.values()) all += count;
    for (const { positions: byTopic } of groups.values()) for (const { size } of byTopic.values()) all += size;
    if (all <= positionsMax) return;
    const what = `the groups have ${all - fresh} positions; the limit is ${positionsMax}`;
    throw new PulsesError('OVERLOADED', `${what}: 'pulses groups delete' removes those of a group`);
  }

  /** @throws PulsesError POSITION_CONFLICT */
  checkedPositions({ group, positions }: CommitRequest, topicId: number): PositionSet[] {
    const stored = this.#state.groups.get(group)?.positions.get(topicId);
    return positions.map(({ name, expectedRevision, offset, metadata }) => {
      const staged = this.#revisions.get(revisionKey(group, topicId, name));
      const revision = staged ?? stored?.get(name)?.revision ?? 0;
      if (revision !== expectedRevision) {
        const what = `position ${name} is at revision ${revision}, not ${expectedRevision}`;
        throw new PulsesError('POSITION_CONFLICT', what);
      }
      return { name, offset, revision: revision + 1, metadata };
    });
  }
  notePositions(group: string, topicId: number, positions: readonly PositionSet[]): void {
    if (!this.#state.groups.has(group)) this.#newGroups.add(group);
    for (const { name, revision } of positions) {
      this.#revisions.set(revisionKey(group, topicId, name), revision);
      if (revision > 1) continue;
      const key = revisionKey(group, topicId, '');
      this.#newPositions.set(key, (this.#newPositions.get(key) ?? 0) + 1);
    }
  }
}

/** Names hold no control characters, so the parts cannot run into each other. */
function revisionKey(group: string, topicId: number, name: string): string {
  return `${group}\n${topicId}\n${name}`;
}
