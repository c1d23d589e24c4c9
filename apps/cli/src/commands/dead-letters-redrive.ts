// pulses dead-letters redrive: publishes dead letters again, each once.

import { createReadStream } from 'node:fs';
import { forEachMessage } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import { nodeClock } from '@pulses/shared-node-platform';
import { optional, textKind } from '@pulses/shared-settings';
import { defineCommand } from '../command';
import { connectorCommandSettings, withTopics } from '../connector-access';
import { letterSettings } from '../dead-letters/letters';
import { redrive, type RedriveCounts } from '../dead-letters/redrive';
import { readLineBlocks } from '../line-input';
import { groupedDigits } from '../listing';
import { startProgress } from '../progress';

export const deadLettersRedriveCommand = defineCommand({
  name: 'dead-letters redrive',
  purpose: 'Publishes dead letters to the source again, after a fix.',
  details:
    'Each letter is published once, also when this command is repeated, killed or run twice: ' +
    'the commit that publishes it also marks it. A message that is still no pulse becomes a new dead letter.',
  settings: {
    ...connectorCommandSettings,
    ...letterSettings,
    replaceWith: optional(textKind, {
      flag: 'replace-with',
      description:
        'File of messages to publish in place of the letters chosen: one a line, as many as letters, in their order.',
    }),
  },
  async run({ settings, terminal }) {
    const { replaceWith } = settings;
    const replacements = replaceWith === undefined ? undefined : await linesOfFile(replaceWith);
    let counts: RedriveCounts | undefined;
    const progress = await startProgress(terminal, nodeClock, () =>
      counts === undefined ? 'waiting for another redrive to end' : `${groupedDigits(counts.redriven)} redriven`,
    );
    try {
      await withTopics(settings, (topics) =>
        redrive({
          topics,
          selection: settings,
          replacements,
          onProgress: (at) => {
            counts = at;
          },
        }),
      );
    } finally {
      progress.stop();
      const { selected, redriven, redrivenBefore } = counts ?? { selected: 0, redriven: 0, redrivenBefore: 0 };
      await terminal.write(
        settings.json || !terminal.isInteractive
          ? `${JSON.stringify({ letters_selected: selected, letters_redriven: redriven, letters_redriven_before: redrivenBefore })}\n`
          : `${groupedDigits(redriven)} dead letters redriven, ${groupedDigits(redrivenBefore)} were before\n`,
      );
    }
    return 0;
  },
});

/** All of the file's messages. @throws PulsesError CONFIG_INVALID when it can't be read, MESSAGE_TOO_LARGE */
async function linesOfFile(path: string): Promise<Uint8Array[]> {
  const lines: Uint8Array[] = [];
  try {
    for await (const { payload } of readLineBlocks(createReadStream(path)))
      forEachMessage({ payload }, (start, end) => lines.push(payload.slice(start, end)));
  } catch (error) {
    if (error instanceof PulsesError) throw error;
    const { code = 'unreadable' } = error as NodeJS.ErrnoException;
    throw new PulsesError(
      'CONFIG_INVALID',
      `--replace-with: '${path}' is not valid: a file that can be read (${code})`,
    );
  }
  return lines;
}
