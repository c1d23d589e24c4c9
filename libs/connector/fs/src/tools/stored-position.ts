// Changes one stored position of a group that has no active member.
//
// Guarantees: joins the group, and changes the position as its active member. A member of before is fenced. While another
// member is active, nothing changes.

import type { BrokerClient } from '@pulses/broker-client';
import type { StoredPosition } from '@pulses/broker-wire';
import type { PositionName } from '@pulses/connector-api';
import { withTimeout } from '@pulses/shared-async';
import { PulsesError } from '@pulses/shared-errors';
import type { Clock } from '@pulses/shared-ports';

const LEASE_MS = 10_000;
/** A join that waits longer stands by behind an active member. */
const JOIN_MS_MAX = 1_000;

/** What a change of a position needs of the client, besides the change itself. */
export type PositionClient = Pick<BrokerClient, 'joinGroup' | 'leaveGroup' | 'readPositions'>;

/**
 * Calls `change` with the position as it is stored and the epoch to change it in; answers the position, or undefined when
 * there is none.
 * @param member names this process, for the broker's log
 * @throws PulsesError GROUP_ACTIVE, those of `change`, the connection's
 */
export async function changePosition(
  client: PositionClient,
  clock: Clock,
  member: string,
  { group, topic, name }: PositionName,
  change: (stored: StoredPosition, groupEpoch: number) => Promise<unknown>,
): Promise<StoredPosition | undefined> {
  const find = async () => (await client.readPositions(group, topic)).find((position) => position.name === name);
  // An empty name would match any. Looked up before the join, which would make a group that does not exist.
  if (group === '' || topic === '' || (await find()) === undefined) return undefined;
  const groupEpoch = await withTimeout(client.joinGroup(group, member, LEASE_MS), JOIN_MS_MAX, clock);
  if (groupEpoch === undefined) throw new PulsesError('GROUP_ACTIVE', `the group '${group}' has an active member`);
  const stored = await find();
  if (stored === undefined) return undefined;
  await change(stored, groupEpoch);
  await client.leaveGroup(group, groupEpoch);
  return stored;
}
