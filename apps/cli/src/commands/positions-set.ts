// pulses positions set: moves a position of a group that has no active member. The broker checks the offset.

import type { BrokerClient } from '@pulses/broker-client';
import { columnsOf } from '@pulses/broker-wire';
import { PulsesError } from '@pulses/shared-errors';
import { nodeClock } from '@pulses/shared-node-platform';
import type { Clock } from '@pulses/shared-ports';
import { brokerCommandSettings, withBroker } from '../broker-access';
import { defineCommand } from '../command';
import { confirmationSettings, isConfirmed } from '../confirmation';
import { holdsMarks } from '../dead-letters/redrive';
import { groupedDigits } from '../listing';
import { writeOutcome } from '../outcome';
import { changePosition, type PositionClient, type PositionName } from '../stored-position';

export interface PositionMove extends PositionName {
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
  settings: { ...brokerCommandSettings, ...confirmationSettings },
  async run({ settings, args: [group = '', topic = '', name = '', text = ''], terminal }) {
    const move = { group, topic, name, offset: offsetOf(text) };
    const change = `moves ${name} of ${group} to ${move.offset}; outputs of what it reads again may be published twice`;
    if (!(await isConfirmed(settings, terminal, change))) return 1;
    const from = await withBroker(settings, (client) => movePosition(client, nodeClock, move));
    await writeOutcome(terminal, {
      asJson: settings.json,
      json: { ...move, from },
      text: `${name} of ${group} moved from ${groupedDigits(from)} to ${groupedDigits(move.offset)}`,
    });
    return 0;
  },
});

/**
 * Answers the offset of before.
 * @throws as `changePosition`; CONFIG_INVALID for marks of redriven letters, which would be lost; OFFSET_OUT_OF_RANGE
 */
export async function movePosition(
  client: PositionClient & Pick<BrokerClient, 'commit'>,
  clock: Clock,
  move: PositionMove,
): Promise<number> {
  const { group, topic, name, offset } = move;
  if (holdsMarks(group, topic))
    throw new PulsesError('CONFIG_INVALID', `NAME: '${name}' is not valid: it tells which dead letters were redriven`);
  const stored = await changePosition(client, clock, move, async ({ incarnation, revision }, groupEpoch) => {
    const positions = [{ name, expectedRevision: revision, offset, metadata: '' }];
    await client.commit({ group, groupEpoch, topic, incarnation, positions, ...columnsOf([]) });
  });
  return stored.offset;
}

/** @throws PulsesError CONFIG_INVALID */
function offsetOf(text: string): number {
  const offset = /^\d{1,16}$/.test(text) ? Number(text) : Infinity;
  if (Number.isSafeInteger(offset)) return offset;
  throw new PulsesError('CONFIG_INVALID', `OFFSET: '${text}' is not valid: a whole number from 0 on`);
}
