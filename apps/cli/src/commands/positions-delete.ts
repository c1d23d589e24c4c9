// pulses positions delete: removes a position of a group that has no active member.

import type { BrokerClient } from '@pulses/broker-client';
import { nodeClock } from '@pulses/shared-node-platform';
import type { Clock } from '@pulses/shared-ports';
import { brokerCommandSettings, withBroker } from '../broker-access';
import { defineCommand } from '../command';
import { confirmationSettings, isConfirmed } from '../confirmation';
import { groupedDigits } from '../listing';
import { writeOutcome } from '../outcome';
import { changePosition, type PositionClient, type PositionName } from '../stored-position';

export const positionsDeleteCommand = defineCommand({
  name: 'positions delete',
  args: ['GROUP', 'TOPIC', 'NAME'],
  purpose: 'Removes a stored position of a group.',
  details:
    'For a position that no program uses any more: it keeps messages from retention. Refused while the group has an active ' +
    'member. GROUP, TOPIC and NAME are as positions lists them. A program that still uses the position starts again at the ' +
    'first message, and its outputs may be published twice.',
  settings: { ...brokerCommandSettings, ...confirmationSettings },
  async run({ settings, args: [group = '', topic = '', name = ''], terminal }) {
    const position = { group, topic, name };
    if (!(await isConfirmed(settings, terminal, `deletes ${name} of ${group} on ${topic}`))) return 1;
    const offset = await withBroker(settings, (client) => deletePosition(client, nodeClock, position));
    await writeOutcome(terminal, {
      asJson: settings.json,
      json: { deleted: name, group, topic, offset },
      text: `${name} of ${group} deleted; it was at ${groupedDigits(offset)}`,
    });
    return 0;
  },
});

/** Answers the offset that it had. @throws as `changePosition` */
export async function deletePosition(
  client: PositionClient & Pick<BrokerClient, 'deletePosition'>,
  clock: Clock,
  position: PositionName,
): Promise<number> {
  const { group, topic, name } = position;
  const stored = await changePosition(client, clock, position, ({ incarnation, revision }, groupEpoch) =>
    client.deletePosition({ group, groupEpoch, topic, incarnation, name, expectedRevision: revision }),
  );
  return stored.offset;
}
