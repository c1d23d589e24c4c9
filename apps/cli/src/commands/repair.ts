// pulses repair: saves what can be saved of a damaged data directory.

import { repairDataDirectory, type Repair } from '@pulses/broker-fsck';
import { PulsesError } from '@pulses/shared-errors';
import { nodeClock, nodeFileSystem, nodeRandom } from '@pulses/shared-node-platform';
import { topicKindNumber, topicKindOf } from '@pulses/shared-pulse-model';
import { optional, textKind } from '@pulses/shared-settings';
import { defineCommand } from '../command';
import { groupedDigits } from '../listing';
import { startProgress } from '../progress';
import { visibleJson, visibleText } from '../visible-text';
import { dataDirectorySettings, progressText } from './fsck';

export const repairCommand = defineCommand({
  name: 'repair',
  purpose: 'Writes what can be saved of a data directory into a new one.',
  details:
    'The original stays as it is. Every message keeps its offset; a lost one leaves a line {"lost_message":{"offset":…}} in its ' +
    'place, which an ingestor counts among the dead letters. Exit code 0: nothing is lost. 1: something is, and is listed.',
  settings: {
    ...dataDirectorySettings,
    to: optional(textKind, { flag: 'to', description: 'Directory to write: new, or empty. Required.' }),
  },
  async run({ settings, terminal }) {
    const { dataDir, to } = settings;
    if (to === undefined)
      throw new PulsesError('CONFIG_INVALID', '--to is missing: a directory that does not exist yet');
    let doing = 'checking';
    const progress = await startProgress(terminal, nodeClock, () => doing);
    let repair: Repair;
    try {
      repair = await repairDataDirectory({
        fileSystem: nodeFileSystem,
        random: nodeRandom,
        from: dataDir,
        to,
        kindOf: topicKindNumber,
        mayBeSource: (topic) => topicKindOf(topic) === 'source',
        onProgress: (at) => {
          doing = progressText(at);
        },
      });
    } finally {
      progress.stop();
    }
    const asJson = settings.json || !terminal.isInteractive;
    await terminal.write(asJson ? repairJson(repair, to) : repairText(repair, to));
    return repair.isWhole ? 0 : 1;
  },
});

/** What is lost, then the summary: an object a line. */
function repairJson({ lost, lostState, saved, isWhole }: Repair, to: string): string {
  const ranges = lost.map(({ topic, incarnation, fromOffset, messages, reason }) => ({
    lost: 'messages',
    topic,
    incarnation,
    from_offset: fromOffset,
    messages,
    reason,
  }));
  const others = lostState.map((reason) => ({ lost: 'state', reason }));
  const summary = {
    whole: isWhole,
    topics_saved: saved.topics,
    messages_saved: saved.messages,
    messages_lost: lost.reduce((sum, { messages }) => sum + messages, 0),
    written_to: to,
  };
  return [...ranges, ...others, summary].map((line) => `${visibleJson(line)}\n`).join('');
}

function repairText({ lost, lostState, saved, isWhole }: Repair, to: string): string {
  const messagesLost = lost.reduce((sum, { messages }) => sum + messages, 0);
  return [
    ...lost.map(({ topic, fromOffset, toOffset, reason }) =>
      visibleText(`lost: ${topic}, offsets ${fromOffset} to ${toOffset - 1}: ${reason}`),
    ),
    ...lostState.map((reason) => visibleText(`lost: ${reason}`)),
    `saved     ${groupedDigits(saved.messages)} messages of ${groupedDigits(saved.topics)} topics`,
    `lost      ${groupedDigits(messagesLost)} messages`,
    `${isWhole ? 'nothing is lost' : 'something is lost'}; a broker can be started with --data-dir ${visibleText(to)}`,
    '',
  ].join('\n');
}
