// Groups of a log in memory: epochs, positions, and the outputs that they have claimed.

import {
  EXPIRED_GROUPS_MAX,
  type CommitRequest,
  type ExpiredGroup,
  type PositionDeletion,
} from '@pulses/broker-log-api';
import type { StoredGroup, StoredPosition } from '@pulses/broker-wire';
import { PulsesError } from '@pulses/shared-errors';

/** Holds the positions of outputs that no group owns at the moment. */
const UNCLAIMED = '';

export interface MemoryGroupLimits {
  readonly groupsMax?: number | undefined;
  readonly positionsMax?: number | undefined;
  readonly positionsPerTopicMax?: number | undefined;
}

export class MemoryGroups {
  readonly #limits: MemoryGroupLimits;
  readonly #epochs = new Map<string, number>();
  /** When a member last joined or committed. */
  readonly #usedMs = new Map<string, number>();
  readonly #positions = new Map<string, StoredPosition>();
  /** By topic: the group that publishes its outputs. */
  readonly #owners = new Map<string, string>();
  /** Topics whose outputs a deleted group has left. */
  readonly #unclaimed = new Set<string>();
  #epochFloor = 0;

  constructor(limits: MemoryGroupLimits) {
    this.#limits = limits;
  }

  /** @throws PulsesError OVERLOADED */
  checkRoom(group: string): void {
    const known = new Set([...this.#epochs.keys(), ...this.find('', '').map((position) => position.group)]);
    if (!known.has(group) && known.size >= (this.#limits.groupsMax ?? Infinity)) throw new PulsesError('OVERLOADED');
  }

  advanceEpoch(group: string, timestampMs: number): number {
    const epoch = (this.#epochs.get(group) ?? this.#epochFloor) + 1;
    this.#epochs.set(group, epoch);
    this.#usedMs.set(group, timestampMs);
    return epoch;
  }

  /** @throws PulsesError OUTPUTS_OWNED */
  checkOwner(topic: string, group: string): void {
    const owner = this.#owners.get(topic) ?? group;
    if (owner !== group) throw new PulsesError('OUTPUTS_OWNED', `they belong to '${owner}'`);
  }

  /** @throws PulsesError POSITION_CONFLICT */
  checkUnclaimed(topic: string, group: string): void {
    if (this.#owners.get(topic) !== group && this.#unclaimed.has(topic)) throw new PulsesError('POSITION_CONFLICT');
  }

  claim(topic: string, group: string): void {
    this.#unclaimed.delete(topic);
    this.#owners.set(topic, group);
    for (const position of this.find(UNCLAIMED, topic)) {
      if (position.group === UNCLAIMED) this.#move(position, group);
    }
  }

  delete(group: string): boolean {
    const epoch = this.#epochs.get(group);
    if (epoch === undefined) return false;
    this.#epochs.delete(group);
    this.#usedMs.delete(group);
    this.#epochFloor = Math.max(this.#epochFloor, epoch);
    for (const position of this.find(group, '')) {
      if (this.#owners.get(position.topic) === group) this.#move(position, UNCLAIMED);
      else this.#positions.delete(keyOf(position));
    }
    for (const [topic, owner] of this.#owners) {
      if (owner !== group) continue;
      this.#owners.delete(topic);
      this.#unclaimed.add(topic);
    }
    return true;
  }

  expire(nowMs: number, idleMs: number, hasMember: (group: string) => boolean): ExpiredGroup[] {
    const owners = new Set(this.#owners.values());
    const expired: ExpiredGroup[] = [];
    for (const [group, lastUsedMs] of this.#usedMs) {
      if (hasMember(group)) {
        if (nowMs - lastUsedMs >= idleMs / 2) this.#usedMs.set(group, nowMs);
      } else if (nowMs - lastUsedMs >= idleMs && !owners.has(group) && expired.length < EXPIRED_GROUPS_MAX) {
        expired.push({ group, lastUsedMs, positions: this.find(group, '') });
        this.delete(group);
      }
    }
    return expired;
  }

  list(): StoredGroup[] {
    return [...this.#epochs].map(([group, epoch]) => {
      const owned = [...this.#owners].filter(([, owner]) => owner === group);
      return { group, epoch, sources: owned.map(([topic]) => topic) };
    });
  }

  /** '' matches every group or topic. */
  find(group: string, topic: string): StoredPosition[] {
    return [...this.#positions.values()].filter(
      (one) => (group === '' || one.group === group) && (topic === '' || one.topic === topic),
    );
  }

  /** @throws PulsesError FENCED, POSITION_CONFLICT */
  deletePosition(request: PositionDeletion, timestampMs: number): void {
    const { group, groupEpoch, incarnation, expectedRevision } = request;
    if (groupEpoch !== (this.#epochs.get(group) ?? 0)) throw new PulsesError('FENCED');
    const stored = this.#positions.get(keyOf(request));
    if (stored?.incarnation !== incarnation || stored.revision !== expectedRevision)
      throw new PulsesError('POSITION_CONFLICT');
    this.#positions.delete(keyOf(request));
    this.#usedMs.set(group, timestampMs);
  }

  /** @throws PulsesError FENCED, POSITION_CONFLICT, OVERLOADED */
  check({ group, groupEpoch, topic, positions }: CommitRequest): void {
    if (groupEpoch !== (this.#epochs.get(group) ?? 0)) throw new PulsesError('FENCED');
    for (const { name, expectedRevision } of positions) {
      const revision = this.#positions.get(keyOf({ group, topic, name }))?.revision ?? 0;
      if (revision !== expectedRevision) throw new PulsesError('POSITION_CONFLICT');
    }
    const { positionsMax = Infinity, positionsPerTopicMax = Infinity } = this.#limits;
    const fresh = positions.filter(({ expectedRevision }) => expectedRevision === 0).length;
    const all = this.find('', '');
    const own = all.filter((position) => position.group === group && position.topic === topic);
    const isTooMany = own.length + fresh > positionsPerTopicMax || all.length + fresh > positionsMax;
    if (fresh > 0 && isTooMany) throw new PulsesError('OVERLOADED');
    this.checkRoom(group);
  }

  store({ group, topic, incarnation, positions }: CommitRequest, timestampMs: number): void {
    if (positions.length > 0) this.#usedMs.set(group, timestampMs);
    for (const { name, expectedRevision, offset, metadata } of positions) {
      const revision = expectedRevision + 1;
      const key = keyOf({ group, topic, name });
      this.#positions.set(key, { group, topic, incarnation, name, offset, revision, metadata });
    }
  }

  forgetTopics(topics: readonly string[]): void {
    for (const topic of topics) {
      this.#owners.delete(topic);
      this.#unclaimed.delete(topic);
      for (const position of this.find('', topic)) this.#positions.delete(keyOf(position));
    }
  }

  #move(position: StoredPosition, group: string): void {
    this.#positions.delete(keyOf(position));
    this.#positions.set(keyOf({ ...position, group }), { ...position, group });
  }
}

/** Names hold no control characters. */
function keyOf({ group, topic, name }: Pick<StoredPosition, 'group' | 'topic' | 'name'>): string {
  return `${group}\n${topic}\n${name}`;
}
