// Which group publishes the outputs of a source.
//
// Two groups on one source would each publish every output. So a claim on a partition is stored with the group's first
// position there, in one transaction: an offset of the group `pulses.owner.<source>`, whose metadata names the group that owns
// the outputs. All groups share the transactional id of a partition, so the older of two that start at once is fenced, and
// then finds the claim of the other. Each session stores the claim once more, as an offset that Kafka never removes.
//
// Guarantees: a group that finds the claim of another is refused before it writes anything. A partition that has outputs has
// a claim.

import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import { z } from 'zod';
import type { Cluster } from '../protocol/cluster';
import { fetchOffsets, type GroupOffset } from '../protocol/offset-requests';
import { decodePosition, type StoredPosition } from '../source/stored-position';

const OWNER_PREFIX = 'pulses.owner.';

const claimSchema = z.strictObject({ pulses: z.literal(1), source: z.string(), group: z.string() });

/** The group whose offsets are the claims on a source. */
export function ownerGroup(sourceTopic: string): string {
  return `${OWNER_PREFIX}${sourceTopic}`;
}

/** The transactional id of a source partition: one for all groups and members, so that the newest alone can commit. */
export function transactionalIdOf(sourceTopic: string, partition: number): string {
  return `pulses.${sourceTopic}.${partition}`;
}

/** @param topicId of the topic now: a claim on one that was deleted is none */
export function claimOf(sourceTopic: string, topicId: string, partition: number, group: string): GroupOffset {
  const metadata = JSON.stringify({ pulses: 1, source: topicId, group } satisfies z.input<typeof claimSchema>);
  return { topic: sourceTopic, partition, offset: 0, metadata };
}

/**
 * The partitions that the group has claimed.
 * @param partitionCount as of now; partitions may be added at any time
 * @throws PulsesError CONFIG_INVALID when another group has claimed a partition of the source
 */
export async function checkOwner(
  cluster: Cluster,
  topic: { readonly name: string; readonly topicId: string; readonly partitions: readonly unknown[] },
  group: string,
  partitionCount = topic.partitions.length,
): Promise<ReadonlySet<number>> {
  const owner = ownerGroup(topic.name);
  const claimed = new Set<number>();
  const ask = fetchOffsets(owner, topic.name, [...Array(partitionCount).keys()]);
  const claims = await cluster.toCoordinator('group', owner, ask);
  for (const [partition, { metadata }] of claims) {
    const claimer = claimedBy(metadata, topic.topicId);
    if (claimer === group) claimed.add(partition);
    if (claimer === undefined || claimer === group) continue;
    throw new PulsesError(
      'CONFIG_INVALID',
      `--group: '${group}' is not valid: the group '${claimer}' publishes the outputs of ${topic.name}; ` +
        `allowed: ${claimer}, or another one after 'pulses groups delete ${claimer}'`,
    );
  }
  return claimed;
}

/** The source whose claims a group of this name holds; undefined for any other group. */
export function claimedSource(group: string): string | undefined {
  return group.startsWith(OWNER_PREFIX) ? group.slice(OWNER_PREFIX.length) : undefined;
}

/** The group that a claim names; undefined when it is none, or one on a topic that was deleted since. */
export function claimedBy(metadata: string, topicId: string): string | undefined {
  const claim = claimSchema.safeParse(jsonOf(metadata));
  return claim.success && claim.data.source === topicId ? claim.data.group : undefined;
}

/**
 * The position that `pulses groups delete` has left in place of a claim, for the next group that publishes the outputs. That
 * replaces it by a claim, together with a position of its own.
 */
export async function leftPosition(
  cluster: Cluster,
  topic: string,
  partition: number,
  incarnation: string,
): Promise<StoredPosition | undefined> {
  const owner = ownerGroup(topic);
  const left = await cluster.toCoordinator('group', owner, fetchOffsets(owner, topic, [partition]));
  try {
    return decodePosition(left.get(partition), incarnation, owner);
  } catch (error) {
    // A claim.
    if (isPulsesError(error, 'LOG_UNSUITABLE')) return undefined;
    throw error;
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
