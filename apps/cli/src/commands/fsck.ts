// pulses fsck: checks a data directory that no broker has open.

import { inspectDataDirectory, type Finding, type Inspection } from '@pulses/broker-fsck';
import { nodeClock, nodeFileSystem } from '@pulses/shared-node-platform';
import { booleanSetting, textSetting } from '@pulses/shared-settings';
import { defineCommand } from '../command';
import { groupedDigits } from '../listing';
import { startProgress } from '../progress';
import { visibleJson, visibleText } from '../visible-text';

const MIB = 1024 * 1024;

/** Settings of the commands that work on a data directory instead of a broker. */
export const dataDirectorySettings = {
  dataDir: textSetting({ flag: 'data-dir', default: '.data', description: 'Directory of everything stored.' }),
  json: booleanSetting({ flag: 'json', description: 'Prints JSON, an object a line, on a terminal too.' }),
};

/** The line of progress. */
export function progressText({ phase, bytes }: { phase: string; bytes: number }): string {
  return `${phase}: ${groupedDigits(Math.floor(bytes / MIB))} MiB`;
}

export const fsckCommand = defineCommand({
  name: 'fsck',
  purpose: 'Checks a data directory while no broker runs.',
  details:
    'Reads every journal frame, sealed run and checkpoint against its CRC, and each against the others. Changes nothing. ' +
    'Exit code 0: sound, notes aside. 3: damaged; each finding names file and byte.',
  settings: dataDirectorySettings,
  async run({ settings, terminal }) {
    let doing = 'checking';
    const progress = await startProgress(terminal, nodeClock, () => doing);
    let inspection: Inspection;
    try {
      inspection = await inspectDataDirectory({
        fileSystem: nodeFileSystem,
        directory: settings.dataDir,
        onProgress: (at) => {
          doing = progressText(at);
        },
      });
    } finally {
      progress.stop();
    }
    if (!inspection.isLocked) terminal.note(`pulses: ${visibleText(settings.dataDir)} is read-only and not locked`);
    const asJson = settings.json || !terminal.isInteractive;
    await terminal.write(
      asJson ? inspectionJson(inspection, settings.dataDir) : inspectionText(inspection, settings.dataDir),
    );
    return inspection.isSound ? 0 : 3;
  },
});

function repairCommandOf(dataDir: string): string {
  return `pulses repair --data-dir ${dataDir} --to ${dataDir.replace(/\/+$/, '')}.repaired`;
}

/** The findings, then the summary: an object a line. */
function inspectionJson({ findings, isSound, summary }: Inspection, dataDir: string): string {
  const lines = findings.map(({ severity, file, byteOffset, what, lost }) => ({
    finding: severity,
    file,
    byte: byteOffset,
    what,
    lost: lost.map(({ topic, fromOffset, toOffset }) => ({
      topic,
      from_offset: fromOffset,
      messages: toOffset - fromOffset,
    })),
  }));
  const last = {
    sound: isSound,
    damages: summary.damages,
    notes: summary.notes,
    bytes_checked: summary.bytesChecked,
    journal_segments: summary.journalSegments,
    frames: summary.frames,
    torn_bytes: summary.tornBytes,
    checkpoints: summary.checkpoints,
    topics: summary.topics,
    runs: summary.runs,
    blocks: summary.blocks,
    messages: summary.messages,
    messages_lost: summary.messagesLost,
    ...(isSound ? {} : { repair: repairCommandOf(dataDir) }),
  };
  return [...lines, last].map((line) => `${visibleJson(line)}\n`).join('');
}

function inspectionText({ findings, isSound, summary }: Inspection, dataDir: string): string {
  const { bytesChecked, frames, topics, messages, messagesLost, damages, notes } = summary;
  const leftOut = damages + notes - findings.length;
  return [
    ...findings.flatMap(findingLines),
    ...(leftOut > 0 ? [`and ${groupedDigits(leftOut)} more`] : []),
    `checked   ${groupedDigits(bytesChecked)} bytes: ${groupedDigits(frames)} frames, ${groupedDigits(topics)} topics, ${groupedDigits(messages)} messages`,
    ...(messagesLost > 0 ? [`lost      ${groupedDigits(messagesLost)} messages`] : []),
    isSound ? 'sound' : `damaged; to save what can be saved, run: ${visibleText(repairCommandOf(dataDir))}`,
    '',
  ].join('\n');
}

function findingLines({ severity, file, byteOffset, what, lost }: Finding): string[] {
  const lines = [`${severity}: ${file}, byte ${byteOffset}: ${what}`];
  for (const { topic, fromOffset, toOffset } of lost) {
    lines.push(`  lost: ${topic}, offsets ${fromOffset} to ${toOffset - 1}`);
  }
  return lines.map(visibleText);
}
