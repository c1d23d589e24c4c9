// pulses groups: the consumer groups, and what each may publish.

import type { GroupInfo } from '@pulses/connector-api';
import { defineCommand } from '../command';
import { connectorCommandSettings, withTopics } from '../connector-access';
import { groupedDigits, writeListing, type Column, type Row } from '../listing';
import { visibleJson } from '../visible-text';

const COLUMNS: readonly Column[] = [
  { title: 'group', align: 'left' },
  { title: 'epoch', align: 'right' },
  { title: 'owns the outputs of', align: 'left' },
];

export const groupsCommand = defineCommand({
  name: 'groups',
  purpose: 'Lists the consumer groups.',
  details:
    'The epoch rises each time a member becomes active. The outputs of a source belong to one group: no other group may ' +
    'publish them until groups delete hands them over.',
  settings: connectorCommandSettings,
  async run({ settings, terminal }) {
    const groups = await withTopics(settings, (topics) => topics.groups());
    await writeListing(terminal, {
      columns: COLUMNS,
      rows: groups.map(rowOf),
      asJson: settings.json,
      empty: 'no groups',
    });
    return 0;
  },
});

function rowOf({ group, epoch, sources }: GroupInfo): Row {
  return {
    cells: [group, epoch === undefined ? '–' : groupedDigits(epoch), sources.join(', ')],
    json: visibleJson({ group, epoch, sources }),
  };
}
