// Which group publishes the outputs of a source.
//
// Two groups on one source would each publish every output. So a claim is stored with the first commit of a session, in the
// same transaction: an offset of the group `pulses.owner.<source>`, whose metadata names the group that owns the outputs.
// All groups share the transactional id of a partition, so the older of two that start at once is fenced, and then finds the
// claim of the other.
//
// Guarantees: a group that finds the claim of another is refused before it writes anything. Kafka forgets offsets of a group
// without members after `offsets.retention.minutes`; the claim is stored again each `CLAIM_MS`.

import { PulsesError } from '@pulses/shared-errors';
import { z } from 'zod';
import type { Cluster } from '../protocol/cluster';
import { fetchOffsets } from '../protocol/offset-requests';
import type { OffsetsOfGroup } from '../protocol/transaction-requests';

/** How often a session stores its claim again. */
export const CLAIM_MS = 60 * 60 * 1_000;

const claimSchema = z.strictObject({ pulses: z.literal(1), source: z.string(), group: z.string() });

/** The group whose offsets are the claims on a source. */
function ownerGroup(sourceTopic: string): string {
  return `pulses.owner.${sourceTopic}`;
}

/** The transactional id of a source partition: one for all groups and members, so that the newest alone can commit. */
export function transactionalIdOf(sourceTopic: string, partition: number): string {
  return `pulses.${sourceTopic}.${partition}`;
}

/** @param topicId of the topic now: a claim on one that was deleted is none */
export function claimOf(sourceTopic: string, topicId: string, partition: number, group: string): OffsetsOfGroup {
  const metadata = JSON.stringify({ pulses: 1, source: topicId, group } satisfies z.input<typeof claimSchema>);
  return { group: ownerGroup(sourceTopic), offsets: [{ topic: sourceTopic, partition, offset: 0, metadata }] };
}

/** @throws PulsesError CONFIG_INVALID when another group has claimed a partition of the source */
export async function checkOwner(
  cluster: Cluster,
  topic: { readonly name: string; readonly topicId: string; readonly partitions: readonly unknown[] },
  group: string,
): Promise<void> {
  const owner = ownerGroup(topic.name);
  const ask = fetchOffsets(owner, topic.name, [...topic.partitions.keys()]);
  const claims = await cluster.toCoordinator('group', owner, ask);
  for (const { metadata } of claims.values()) {
    const claim = claimSchema.safeParse(jsonOf(metadata));
    if (!claim.success || claim.data.source !== topic.topicId || claim.data.group === group) continue;
    throw new PulsesError(
      'CONFIG_INVALID',
      `--group: '${group}' is not valid: the group '${claim.data.group}' publishes the outputs of ${topic.name}; ` +
        `allowed: ${claim.data.group}, or another one after 'pulses groups delete ${claim.data.group}'`,
    );
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
