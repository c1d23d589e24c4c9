// pulses groups delete: removes a group, and hands its outputs over.

import type { GroupInfo, TopicReader } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import { defineCommand } from '../command';
import { confirmationSettings, isConfirmed } from '../confirmation';
import { connectorCommandSettings, withTopics } from '../connector-access';
import { writeOutcome } from '../outcome';

export const groupsDeleteCommand = defineCommand({
  name: 'groups delete',
  args: ['GROUP'],
  purpose: 'Removes a consumer group, so that another may publish its outputs.',
  details:
    'Refused while the group has an active member. Positions on a source whose outputs the group owned stay. The next group ' +
    'that publishes from the source starts there, so no pulse is lost and none is counted twice. Other positions go. ' +
    'A process of the group that still runs is fenced: its next commit or heartbeat is refused with FENCED, and nothing of ' +
    'it is stored. GROUP is a name as groups lists it. The part before the @ will do when only one group has it.',
  settings: { ...connectorCommandSettings, ...confirmationSettings },
  async run({ settings, args: [name = ''], terminal }) {
    // Without a terminal there was never a question, and scripts rely on that.
    const yes = settings.yes || !terminal.canAsk;
    if (!(await isConfirmed({ yes }, terminal, `deletes the group ${name} with its positions`))) return 1;
    const deleted = await withTopics(settings, async (topics) => {
      const found = findGroup(await topics.groups(), name, (group, source) => topics.groupOf(group, source));
      if (!(await topics.deleteGroup(found.group))) throw noGroup(name);
      return found;
    });
    const { group, sources } = deleted;
    const owned = sources.length === 0 ? '' : `; the outputs of ${sources.join(', ')} are free`;
    await writeOutcome(terminal, {
      asJson: settings.json,
      json: { deleted: group, sources },
      text: `${group} deleted${owned}`,
    });
    return 0;
  },
});

/** @throws PulsesError CONFIG_INVALID */
export function findGroup(groups: readonly GroupInfo[], name: string, groupOf: TopicReader['groupOf']): GroupInfo {
  const exact = groups.find(({ group }) => group === name);
  if (exact !== undefined) return exact;
  const [first, ...others] = groups.filter((one) => one.group === groupOf(name, sourceOf(one, name, groupOf)));
  if (first === undefined) throw noGroup(name);
  if (others.length === 0) return first;
  const names = [first, ...others].map(({ group }) => group).join(', ');
  throw new PulsesError('CONFIG_INVALID', `GROUP: '${name}' is not valid: one of ${names}`);
}

/** A name may hold an @ as well, so the source is taken from the group where it owns one. */
function sourceOf({ group, sources }: GroupInfo, name: string, groupOf: TopicReader['groupOf']): string {
  return sources.find((source) => group === groupOf(name, source)) ?? group.slice(group.lastIndexOf('@') + 1);
}

function noGroup(name: string): PulsesError {
  return new PulsesError('CONFIG_INVALID', `GROUP: '${name}' is not valid: no such group`);
}
