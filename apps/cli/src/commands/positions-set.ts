// pulses positions set: moves a position of a group that has no active member. The broker checks the offset.

import type { PositionName, TopicAdmin } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import { defineCommand } from '../command';
import { confirmationSettings, isConfirmed } from '../confirmation';
import { connectorCommandSettings, withTopics } from '../connector-access';
import { holdsMarks } from '../dead-letters/redrive';
import { groupedDigits } from '../listing';
import { writeOutcome } from '../outcome';
import { noPosition, partitionSettings } from '../partitions';

export interface PositionMove extends PositionName {
  readonly offset: number;
}

export const positionsSetCommand = defineCommand({
  name: 'positions set',
  args: ['GROUP', 'TOPIC', 'NAME', 'OFFSET'],
  purpose: 'Moves a stored position of a group.',
  details:
    'Mends a position that lies outside its topic, or that Kafka has forgotten. Refused while the group has an active member. ' +
    'GROUP, TOPIC and NAME are as positions lists them. Messages before OFFSET count as read; those from it on are read ' +
    'again, and their outputs may be published twice. Run audit afterwards.',
  settings: { ...connectorCommandSettings, ...partitionSettings, ...confirmationSettings },
  async run({ settings, args: [group = '', topic = '', name = '', text = ''], terminal }) {
    const { partition } = settings;
    const move = { group, topic, partition, name, offset: offsetOf(text) };
    const change = `moves ${name} of ${group} to ${move.offset}; outputs of what it reads again may be published twice`;
    if (!(await isConfirmed(settings, terminal, change))) return 1;
    const from = await withTopics(settings, (topics) => movePosition(topics, move));
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
 * @throws as `TopicAdmin.movePosition`; CONFIG_INVALID when there is no such position, and for marks of redriven letters,
 * which would be lost
 */
export async function movePosition(
  topics: Pick<TopicAdmin, 'groupOf' | 'movePosition'>,
  { offset, ...position }: PositionMove,
): Promise<number> {
  if (holdsMarks(topics, position))
    throw new PulsesError(
      'CONFIG_INVALID',
      `NAME: '${position.name}' is not valid: it tells which dead letters were redriven`,
    );
  const before = await topics.movePosition(position, offset);
  if (before === undefined) throw noPosition(position);
  return before.offset;
}

/** @throws PulsesError CONFIG_INVALID */
function offsetOf(text: string): number {
  const offset = /^\d{1,16}$/.test(text) ? Number(text) : Infinity;
  if (Number.isSafeInteger(offset)) return offset;
  throw new PulsesError('CONFIG_INVALID', `OFFSET: '${text}' is not valid: a whole number from 0 on`);
}
