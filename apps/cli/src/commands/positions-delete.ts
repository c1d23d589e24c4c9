// pulses positions delete: removes a position of a group that has no active member.

import { defineCommand } from '../command';
import { confirmationSettings, isConfirmed } from '../confirmation';
import { connectorCommandSettings, withTopics } from '../connector-access';
import { groupedDigits } from '../listing';
import { writeOutcome } from '../outcome';
import { noPosition, partitionSettings } from '../partitions';

export const positionsDeleteCommand = defineCommand({
  name: 'positions delete',
  args: ['GROUP', 'TOPIC', 'NAME'],
  purpose: 'Removes a stored position of a group.',
  details:
    'For a position that no program uses any more: it keeps messages from retention. Refused while the group has an active ' +
    'member. GROUP, TOPIC and NAME are as positions lists them. A program that still uses the position starts again at the ' +
    'first message, and its outputs may be published twice.',
  settings: { ...connectorCommandSettings, ...partitionSettings, ...confirmationSettings },
  async run({ settings, args: [group = '', topic = '', name = ''], terminal }) {
    const { partition } = settings;
    const position = { group, topic, partition, name };
    if (!(await isConfirmed(settings, terminal, `deletes ${name} of ${group} on ${topic}`))) return 1;
    const deleted = await withTopics(settings, (topics) => topics.deletePosition(position));
    if (deleted === undefined) throw noPosition(position);
    const { offset } = deleted;
    await writeOutcome(terminal, {
      asJson: settings.json,
      json: { deleted: name, group, topic, partition, offset },
      text: `${name} of ${group} deleted; it was at ${groupedDigits(offset)}`,
    });
    return 0;
  },
});
