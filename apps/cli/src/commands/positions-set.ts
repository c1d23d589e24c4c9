// pulses positions set: moves a position of a group that has no active member.
//
// Guarantees: it joins the group and commits as its active member. A member of before is fenced, and the broker checks the
// offset. While another member is active, nothing changes.

import type { BrokerClient } from '@pulses/broker-client';
import { withTimeout } from '@pulses/shared-async';
import { PulsesError } from '@pulses/shared-errors';
import { nodeClock } from '@pulses/shared-node-platform';
import type { Clock } from '@pulses/shared-ports';
import { booleanSetting } from '@pulses/shared-settings';
import { brokerCommandSettings, clientName, withBroker } from '../broker-access';
import { defineCommand } from '../command';
import { groupedDigits } from '../listing';
import { visibleJson, visibleText } from '../visible-text';

const LEASE_MS = 10_000;
/** A join that waits longer stands by behind an active member. */
const JOIN_MS_MAX = 1_000;

export interface PositionMove {
  readonly group: string;
  readonly topic: string;
  readonly name: string;
  readonly offset: number;
}

export const positionsSetCommand = defineCommand({
  name: 'positions set',
  args: ['GROUP', 'TOPIC', 'NAME', 'OFFSET'],
  purpose: 'Moves a stored position of a group.',
  details:
    'Mends a position that lies outside its topic. Refused while the group has an active member. GROUP, TOPIC and NAME are ' +
    'as positions lists them. Messages before OFFSET count as read; those from it on are read again, and their outputs may ' +
    'be published twice. Run audit afterwards.',
  settings: {
    ...brokerCommandSettings,
    yes: booleanSetting({ flag: 'yes', description: 'Confirms the move. Without it nothing changes.' }),
  },
  async run({ settings, args: [group = '', topic = '', name = '', text = ''], terminal }) {
    const move = { group, topic, name, offset: offsetOf(text) };
    if (!settings.yes) {
      throw new PulsesError('CONFIG_INVALID', `--yes is missing: it confirms that ${name} moves to ${move.offset}`);
    }
    const from = await withBroker(settings, (client) => movePosition(client, nodeClock, move));
    const asJson = settings.json || !terminal.isInteractive;
    await terminal.write(
      asJson
        ? `${visibleJson({ ...move, from })}\n`
        : visibleText(`${name} of ${group} moved from ${groupedDigits(from)} to ${groupedDigits(move.offset)}\n`),
    );
    return 0;
  },
});

/**
 * Answers the offset of before.
 * @throws PulsesError CONFIG_INVALID when there is no such position, GROUP_ACTIVE, OFFSET_OUT_OF_RANGE, the connection's
 */
export async function movePosition(
  client: Pick<BrokerClient, 'commit' | 'joinGroup' | 'leaveGroup' | 'readPositions'>,
  clock: Clock,
  { group, topic, name, offset }: PositionMove,
): Promise<number> {
  const find = async () => (await client.readPositions(group, topic)).find((position) => position.name === name);
  // Before the join, which would make a group that does not exist.
  if (group === '' || topic === '' || (await find()) === undefined) throw noPosition(group, topic, name);
  const groupEpoch = await withTimeout(client.joinGroup(group, clientName, LEASE_MS), JOIN_MS_MAX, clock);
  if (groupEpoch === undefined) throw new PulsesError('GROUP_ACTIVE', `the group '${group}' has an active member`);
  const stored = await find();
  if (stored === undefined) throw noPosition(group, topic, name);
  const { incarnation, revision } = stored;
  const positions = [{ name, expectedRevision: revision, offset, metadata: '' }];
  await client.commit({ group, groupEpoch, topic, incarnation, positions, appends: [] });
  await client.leaveGroup(group, groupEpoch);
  return stored.offset;
}

function noPosition(group: string, topic: string, name: string): PulsesError {
  return new PulsesError('CONFIG_INVALID', `NAME: '${name}' is not valid: ${group} has no such position on ${topic}`);
}

/** @throws PulsesError CONFIG_INVALID */
function offsetOf(text: string): number {
  const offset = /^\d{1,16}$/.test(text) ? Number(text) : Infinity;
  if (Number.isSafeInteger(offset)) return offset;
  throw new PulsesError('CONFIG_INVALID', `OFFSET: '${text}' is not valid: a whole number from 0 on`);
}
