// Consumer groups and their positions, as tools see and change them.
//
// A group commits one offset for each partition. Its metadata holds the positions of the pipeline: see stored-position.ts.
// An offset that another program has committed shows as one position without a name. The groups of claims are not shown: see
// ownership-claim.ts. A position that was lost (see session-start.ts) can be moved as if it were at the first message.

import type { GroupInfo, GroupPosition, PositionName } from '@pulses/connector-api';
import { mapConcurrent } from '@pulses/shared-async';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import type { Cluster } from '../protocol/cluster';
import { commitKeptOffset, listOffset, type GroupOffset } from '../protocol/offset-requests';
import { claimedBy, claimedSource, ownerGroup } from '../session/ownership-claim';
import { lostPosition } from '../session/session-start';
import { decodePosition, encodePosition, NOTHING_READ, type StoredPosition } from '../source/stored-position';
import { deleteGroup, groupNames, groupOffsets, hasMembers } from './admin-requests';
import { incarnationOf } from '../source/incarnation';
import { markOf, unitedMarks } from './redriven-mark';

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
    // Kafka forgets a group, but not its claims.
    return [...new Set([...groups, ...owned.flat()])].sort().map((group) => ({
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
      ...unitedMarks(
        marked.flat().flatMap((one) => groupPositions(one).map((stored) => ({ ...stored, ...markOf(one.group) }))),
      ),
      // Claims are no positions; what a deleted owner has left has no group.
      ...left.flat().flatMap((one) => (one.position === undefined ? [] : groupPositions({ ...one, group: '' }))),
    ];
  }

  async movePosition(name: PositionName, offset: number): Promise<GroupPosition | undefined> {
    return await this.#change(name, true, async (position) => {
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
    return await this.#change(name, false, (position) => {
      position.delete(name.name);
      return Promise.resolve();
    });
  }

  async deleteGroup(group: string): Promise<boolean> {
    const found = (await this.groups()).find((one) => one.group === group);
    if (found === undefined) return false;
    await this.#checkIdle(group);
    for (const source of found.sources) await this.#handOver(group, source);
    await this.#cluster.toCoordinator('group', group, deleteGroup(group));
    return true;
  }

  async #change(
    name: PositionName,
    mayMend: boolean,
    change: (positions: Map<string, { offset: number; metadata: string }>) => Promise<void>,
  ): Promise<GroupPosition | undefined> {
    const { group, topic, partition = 0 } = name;
    if (!(await this.#names()).groups.includes(group) && !(await this.#ownersOf(topic)).includes(group))
      return undefined;
    const all = await this.#positionsOf(group, topic);
    const there = all.find(({ stored, position }) => stored.partition === partition && position !== undefined);
    const found = there ?? (await this.#lost(group, topic, partition));
    if (found?.position === undefined) return undefined;
    const { stored, incarnation, position } = found;
    const isMended = mayMend && position.isMended === true;
    const before =
      groupPositions(found).find((one) => one.name === name.name) ??
      (isMended ? { ...name, partition, incarnation, offset: stored.offset, metadata: '' } : undefined);
    if (before === undefined) return undefined;
    await this.#checkIdle(group);
    const positions = new Map(position.positions);
    await change(positions);
    // Without a name it says that nothing was read: a group without an offset has lost its position.
    const next = { topic, partition, ...encodePosition(incarnation, { ...position, positions }) };
    await this.#cluster.toCoordinator('group', group, commitKeptOffset(group, next));
    return before;
  }

  /** A position on a partition that the group has claimed, in place of one that Kafka has forgotten. */
  async #lost(group: string, topic: string, partition: number): Promise<PartitionPositions | undefined> {
    const topicId = (await this.#cluster.topic(topic))?.topicId;
    if (topicId === undefined) return undefined;
    const claims = await this.#offsets(ownerGroup(topic));
    const claim = claims.find((one) => one.partition === partition);
    if (claim === undefined || claimedBy(claim.metadata, topicId) !== group) return undefined;
    const position = { ...NOTHING_READ, isMended: true };
    return {
      group,
      stored: { topic, partition, offset: 0, metadata: '' },
      incarnation: incarnationOf(topicId, partition),
      position,
    };
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

  /**
   * Leaves the group's positions on a source to the next owner, in place of its claims.
   * @throws PulsesError CONFIG_INVALID, and changes nothing, when one of them is lost
   */
  async #handOver(group: string, source: string): Promise<void> {
    const owner = ownerGroup(source);
    const topicId = (await this.#cluster.topic(source))?.topicId ?? '';
    const left = (await this.#positionsOf(group, source)).filter(({ position }) => position !== undefined);
    const known = new Set(left.map(({ stored }) => stored.partition));
    for (const { partition, metadata } of await this.#offsets(owner))
      if (claimedBy(metadata, topicId) === group && !known.has(partition)) throw lostPosition(group, source, partition);
    for (const { stored } of left) await this.#cluster.toCoordinator('group', owner, commitKeptOffset(owner, stored));
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
