// Where a session on a partition starts, and what it stores before its first output.
//
// Kafka removes a group's offsets `offsets.retention.minutes` after its last member has left. A session that then starts at
// the first message would write every output again.
// Guarantees: a partition has outputs only once the group's position on it, perhaps one that says that nothing was read, and
// the claim are stored. A claim is never removed by Kafka. So a claim without a position shows that the position was lost, and
// the session is refused.

import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import type { Cluster } from '../protocol/cluster';
import { commitKeptOffset, fetchOffsets, listOffset } from '../protocol/offset-requests';
import {
  decodePosition,
  encodePosition,
  lowestOffset,
  NOTHING_READ,
  type StoredPosition,
} from '../source/stored-position';
import type { Transactions } from '../transaction/transactions';
import { claimOf, leftPosition, ownerGroup } from './ownership-claim';

export interface StartPlace {
  readonly topic: { readonly name: string; readonly topicId: string };
  readonly partition: number;
  readonly incarnation: string;
  readonly group: string;
}

export interface SessionStart {
  readonly startOffset: number;
  readonly stored: StoredPosition | undefined;
  /** Whether `stored` is of the group itself. */
  readonly isOwn: boolean;
}

/**
 * @param isClaimed whether the group has claimed the partition
 * @throws PulsesError CONFIG_INVALID for a position that was lost; OFFSET_OUT_OF_RANGE; LOG_UNSUITABLE
 */
export async function readStart(cluster: Cluster, place: StartPlace, isClaimed: boolean): Promise<SessionStart> {
  const { topic, partition, incarnation, group } = place;
  const own = await ownPosition(cluster, place, isClaimed);
  if (own === undefined && isClaimed) throw lostPosition(group, topic.name, partition);
  // What was left is newer than a position of the group's own, from the time before another group had the outputs.
  const left = isClaimed ? undefined : await leftPosition(cluster, topic.name, partition, incarnation);
  const stored = left ?? own;
  const [keptOffset, endOffset] = await Promise.all([
    cluster.toLeader(topic.name, partition, listOffset(topic.name, partition, 'earliest')),
    cluster.toLeader(topic.name, partition, listOffset(topic.name, partition, 'committed end')),
  ]);
  for (const [name, { offset }] of stored?.positions ?? [])
    if (offset < keptOffset || offset > endOffset)
      throw new PulsesError(
        'OFFSET_OUT_OF_RANGE',
        `${where(place)} is at ${offset} (${name}), and the partition holds the offsets ${keptOffset} to ${endOffset}; ` +
          `'${setCommand(group, topic.name, partition, name)}' mends it`,
      );
  const startOffset = stored?.isMended === true ? lowestOffset(stored.positions) : keptOffset;
  return { startOffset, stored, isOwn: left === undefined && own !== undefined };
}

/** Stores the position, unless it is the group's own already, and the claim. @throws PulsesError */
export async function claimPartition(
  cluster: Cluster,
  { topic, partition, incarnation, group }: StartPlace,
  { stored = NOTHING_READ, isOwn }: SessionStart,
  transactions: Pick<Transactions, 'run'>,
): Promise<void> {
  const owner = ownerGroup(topic.name);
  const claim = claimOf(topic.name, topic.topicId, partition, group);
  if (!isOwn) {
    const position = { topic: topic.name, partition, ...encodePosition(incarnation, stored) };
    await transactions.run({
      batches: () => [],
      offsets: [
        { group, offsets: [position] },
        { group: owner, offsets: [claim] },
      ],
    });
  }
  await cluster.toCoordinator('group', owner, commitKeptOffset(owner, claim));
}

/** What refuses a session, or a handover, without the position; it names the command that mends it. */
export function lostPosition(group: string, topic: string, partition: number): PulsesError {
  return new PulsesError(
    'CONFIG_INVALID',
    `the position of ${group} on ${topic}/${partition} is lost, but not the outputs up to there: Kafka forgets positions ` +
      `offsets.retention.minutes after the last member has left; '${setCommand(group, topic, partition, 'windowed')}', and the ` +
      `same for grouped, continues there`,
  );
}

async function ownPosition(
  cluster: Cluster,
  place: StartPlace,
  isClaimed: boolean,
): Promise<StoredPosition | undefined> {
  const { topic, partition, incarnation, group } = place;
  const offsets = await cluster.toCoordinator('group', group, fetchOffsets(group, topic.name, [partition]));
  try {
    return decodePosition(offsets.get(partition), incarnation, where(place));
  } catch (error) {
    // Another program has overwritten it.
    if (isClaimed && isPulsesError(error, 'LOG_UNSUITABLE')) return undefined;
    throw error;
  }
}

function where({ group, topic, partition }: StartPlace): string {
  return `the position of ${group} on ${topic.name}/${partition}`;
}

function setCommand(group: string, topic: string, partition: number, name: string): string {
  return `pulses positions set ${group} ${topic} ${name} OFFSET --partition=${partition} --yes`;
}
