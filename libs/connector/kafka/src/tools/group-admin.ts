// Consumer groups and their positions, as tools see and change them.
//
// A group commits one offset for each partition. Its metadata holds the positions of the pipeline: see stored-position.ts.
// An offset that another program has committed shows as one position without a name. The groups of claims are not shown: see
// ownership-claim.ts.

import type { GroupInfo, GroupPosition, PositionName } from '@pulses/connector-api';
import { mapConcurrent } from '@pulses/shared-async';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import type { Cluster } from '../protocol/cluster';
import { listOffset } from '../protocol/offset-requests';
import { claimedBy, claimedSource, ownerGroup } from '../session/ownership-claim';
import { decodePosition, encodePosition, type StoredPosition } from '../source/stored-position';
import {
  commitOffset,
  deleteGroup,
  deleteOffset,
  groupNames,
  groupOffsets,
  hasMembers,
  type GroupOffset,
} from './admin-requests';
import { incarnationOf } from '../source/incarnation';
import { markOf } from './marked-publisher';

const ASKED_AT_ONCE = 16;

/** What a group has stored for one partition that still exists. */
interface PartitionPositions {
  readonly group: string;
  readonly stored: GroupOffset;
  readonly incarnation: string;
  /** Undefined for an offset that another program has committed. */
  readonly position: StoredPosition | undefined;
}

export class GroupAdmin {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  async groups(): Promise<readonly GroupInfo[]> {
    const { groups, sources } = await this.#names();
    const owned = await mapConcurrent(sources, ASKED_AT_ONCE, (source) => this.#ownersOf(source));
    return groups.map((group) => ({
      group,
      sources: sources.filter((_source, index) => owned[index]?.includes(group) === true),
    }));
  }

  async positions(topic: string): Promise<readonly GroupPosition[]> {
    const { groups, sources, marks } = await this.#names();
    const marked = await mapConcurrent(marks, ASKED_AT_ONCE, (group) => this.#positionsOf(group, topic));
    const found = await mapConcurrent(groups, ASKED_AT_ONCE, (group) => this.#positionsOf(group, topic));
    const wanted = sources.filter((source) => topic === '' || source === topic);
    const left = await mapConcurrent(wanted, ASKED_AT_ONCE, (source) => this.#positionsOf(ownerGroup(source), source));
    return [
      ...found.flat().flatMap(groupPositions),
      ...marked.flat().flatMap((one) => groupPositions(one).map((stored) => ({ ...stored, ...markOf(one.group) }))),
      // Claims are no positions; what a deleted owner has left has no group.
      ...left.flat().flatMap((one) => (one.position === undefined ? [] : groupPositions({ ...one, group: '' }))),
    ];
  }

  async movePosition(name: PositionName, offset: number): Promise<GroupPosition | undefined> {
    return await this.#change(name, async (position) => {
      const { topic, partition = 0 } = name;
      const at = (kind: 'earliest' | 'committed end') =>
        this.#cluster.toLeader(topic, partition, listOffset(topic, partition, kind));
      const [startOffset, nextOffset] = [await at('earliest'), await at('committed end')];
      if (offset < startOffset || offset > nextOffset)
        throw new PulsesError(
          'OFFSET_OUT_OF_RANGE',
          `position ${name.name} is at ${offset}: ${topic}/${partition} holds the offsets ${startOffset} to ${nextOffset}`,
        );
      position.set(name.name, { offset, metadata: '' });
    });
  }

  async deletePosition(name: PositionName): Promise<GroupPosition | undefined> {
    return await this.#change(name, (position) => {
      position.delete(name.name);
      return Promise.resolve();
    });
  }

  async deleteGroup(group: string): Promise<boolean> {
    const { groups, sources } = await this.#names();
    if (!groups.includes(group)) return false;
    await this.#checkIdle(group);
    for (const source of sources)
      if ((await this.#ownersOf(source)).includes(group)) await this.#handOver(group, source);
    return await this.#cluster.toCoordinator('group', group, deleteGroup(group));
  }

  async #change(
    name: PositionName,
    change: (positions: Map<string, { offset: number; metadata: string }>) => Promise<void>,
  ): Promise<GroupPosition | undefined> {
    const { group, topic, partition = 0 } = name;
    if (!(await this.#names()).groups.includes(group)) return undefined;
    const found = (await this.#positionsOf(group, topic)).find(({ stored }) => stored.partition === partition);
    const before = found === undefined ? undefined : groupPositions(found).find((one) => one.name === name.name);
    if (found?.position === undefined || before === undefined) return undefined;
    await this.#checkIdle(group);
    const { stored, incarnation, position } = found;
    const positions = new Map(position.positions);
    await change(positions);
    const next =
      positions.size === 0
        ? deleteOffset(group, topic, partition)
        : commitOffset(group, { ...stored, ...encodePosition(incarnation, { ...position, positions }) });
    await this.#cluster.toCoordinator('group', group, next);
    return before;
  }

  /** @throws PulsesError GROUP_ACTIVE */
  async #checkIdle(group: string): Promise<void> {
    if (await this.#cluster.toCoordinator('group', group, hasMembers(group)))
      throw new PulsesError('GROUP_ACTIVE', `the group '${group}' has an active member`);
  }

  /** The groups, the sources on which there are claims, and the groups of marks. */
  async #names(): Promise<{ groups: string[]; sources: string[]; marks: string[] }> {
    const names = [...new Set((await this.#cluster.toEvery(groupNames())).flat())].sort();
    return {
      groups: names.filter((name) => claimedSource(name) === undefined && markOf(name) === undefined),
      marks: names.filter((name) => markOf(name) !== undefined),
      sources: names.flatMap((name) => claimedSource(name) ?? []),
    };
  }

  /** The groups that have claimed partitions of a source. */
  async #ownersOf(source: string): Promise<string[]> {
    const topicId = (await this.#cluster.topic(source))?.topicId;
    if (topicId === undefined) return [];
    return (await this.#offsets(ownerGroup(source))).flatMap(({ metadata }) => claimedBy(metadata, topicId) ?? []);
  }

  /** Leaves the group's positions on a source to the next owner, in place of its claims. */
  async #handOver(group: string, source: string): Promise<void> {
    const owner = ownerGroup(source);
    const left = new Map((await this.#positionsOf(group, source)).map(({ stored }) => [stored.partition, stored]));
    for (const claim of await this.#offsets(owner)) {
      const stored = left.get(claim.partition);
      const ask = stored === undefined ? deleteOffset(owner, source, claim.partition) : commitOffset(owner, stored);
      await this.#cluster.toCoordinator('group', owner, ask);
    }
  }

  #offsets(group: string): Promise<GroupOffset[]> {
    return this.#cluster.toCoordinator('group', group, groupOffsets(group));
  }

  /** On a topic, or on every topic (''). */
  async #positionsOf(group: string, topic: string): Promise<PartitionPositions[]> {
    const offsets = (await this.#offsets(group)).filter((stored) => topic === '' || stored.topic === topic);
    const found: PartitionPositions[] = [];
    for (const stored of offsets) {
      const id = (await this.#cluster.topic(stored.topic))?.topicId;
      if (id === undefined) continue;
      const incarnation = incarnationOf(id, stored.partition);
      const position = decoded(stored, incarnation, group);
      if (position !== 'of a deleted topic') found.push({ group, stored, incarnation, position });
    }
    return found;
  }
}

function decoded(
  stored: GroupOffset,
  incarnation: string,
  group: string,
): StoredPosition | 'of a deleted topic' | undefined {
  try {
    const where = `${group} on ${stored.topic}/${stored.partition}`;
    return decodePosition(stored, incarnation, where) ?? 'of a deleted topic';
  } catch (error) {
    if (isPulsesError(error, 'LOG_UNSUITABLE')) return undefined;
    throw error;
  }
}

function groupPositions({ group, stored, incarnation, position }: PartitionPositions): GroupPosition[] {
  const { topic, partition, offset, metadata } = stored;
  const common = { group, topic, partition, incarnation };
  if (position === undefined) return [{ ...common, name: '', offset, metadata }];
  return [...position.positions].map(([name, at]) => ({ ...common, name, ...at }));
}
