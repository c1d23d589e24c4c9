// pulses export: topics as readable files.

import { Exporter, type ExportSource } from '@pulses/broker-export';
import type { TopicReader } from '@pulses/connector-api';
import { delay } from '@pulses/shared-async';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import { nodeClock, nodeFileSystem } from '@pulses/shared-node-platform';
import type { DirectoryLock } from '@pulses/shared-ports';
import { booleanSetting, optional, textKind } from '@pulses/shared-settings';
import { CUT_SHORT_EXIT_CODE, defineCommand } from '../command';
import { connectorCommandSettings, findPartitions, withTopics } from '../connector-access';
import { groupedDigits } from '../listing';
import { writeOutcome } from '../outcome';
import { startProgress } from '../progress';

const AHEAD_BYTES = 4 * 1024 * 1024;
/** Between two looks for further messages. A look takes longer with many topics, and so do the pauses. */
const PAUSE_MS_MIN = 500;
const PAUSE_MS_MAX = 10_000;
const PAUSE_FACTOR = 2;

export const exportCommand = defineCommand({
  name: 'export',
  rest: 'TOPIC',
  purpose: 'Writes topics as readable files: DIR/TOPIC/FIRST_OFFSET.ndjson.',
  details:
    'Without TOPIC, all topics. A file has one message a line and at most 64 MiB. Another export to the same directory ' +
    'continues where the files end. Nothing is removed: files of messages that the broker has removed, and of deleted ' +
    'topics, stay. Files are not synchronised; after a power cut export to a new directory. Exit code 130: a signal ' +
    'stopped it before the end.',
  settings: {
    ...connectorCommandSettings,
    to: optional(textKind, { flag: 'to', description: 'Directory to write: new, or of an earlier export. Required.' }),
    follow: booleanSetting({ flag: 'follow', description: 'Go on with further messages, until a signal ends it.' }),
  },
  async run({ settings, args: topics, terminal, stopSignal }) {
    const { to, follow, connector } = settings;
    if (connector !== 'fs') throw notExportable(connector);
    if (to === undefined) throw new PulsesError('CONFIG_INVALID', '--to is missing: a directory for the files');
    return await withTopics(settings, async (reader) => {
      for (const topic of topics) await findPartitions(reader, topic);
      const lock = await lockDirectory(to);
      try {
        const signal = stopSignal();
        const source = exportSource(reader, topics, signal);
        const exporter = await Exporter.open({ fileSystem: nodeFileSystem, source, directory: to, isMirror: false });
        const progress = await startProgress(terminal, nodeClock, progressTextOf(exporter));
        let isWhole = false;
        try {
          isWhole = await writeAll(exporter, signal);
          if (follow) await writeOn(exporter, signal);
        } finally {
          progress.stop();
          await exporter.close();
        }
        const { topics: topicCount, messages, bytes } = exporter.totals;
        const written = `${groupedDigits(messages)} messages of ${groupedDigits(topicCount)} topics written to ${to}`;
        await writeOutcome(terminal, {
          asJson: settings.json,
          json: { topics_written: topicCount, messages_written: messages, bytes_written: bytes, to },
          text: isWhole ? written : `${written}; stopped before the end`,
        });
        return isWhole ? 0 : CUT_SHORT_EXIT_CODE;
      } finally {
        await lock.release();
      }
    });
  },
});

function progressTextOf(exporter: Exporter): () => string {
  const startMs = nodeClock.monotonicMs();
  return () => {
    const { topics, messages } = exporter.totals;
    const seconds = Math.max(nodeClock.monotonicMs() - startMs, 1) / 1000;
    const rate = groupedDigits(Math.round(messages / seconds));
    return `${groupedDigits(messages)} messages of ${groupedDigits(topics)} topics · ${rate}/s`;
  };
}

/** True once all that was there is written; false when the signal came first. */
async function writeAll(exporter: Exporter, signal: AbortSignal): Promise<boolean> {
  // A topic that is deleted or trimmed meanwhile makes a pass incomplete.
  while ((await exporter.pass({ signal })) !== 'complete') if (signal.aborted) return false;
  return true;
}

/** Returns when the signal comes. */
async function writeOn(exporter: Exporter, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const startMs = nodeClock.monotonicMs();
    await exporter.pass({ signal });
    const tookMs = nodeClock.monotonicMs() - startMs;
    const pauseMs = Math.min(Math.max(PAUSE_FACTOR * tookMs, PAUSE_MS_MIN), PAUSE_MS_MAX);
    await delay(pauseMs, nodeClock, signal).catch(() => undefined);
  }
}

/** @param names the topics to export; none for all */
function exportSource(reader: TopicReader, names: readonly string[], signal: AbortSignal): ExportSource {
  return {
    async *topics() {
      if (names.length === 0) yield await reader.topics('');
      for (const name of names) yield await findPartitions(reader, name);
    },
    read: (partition, fromOffset, untilOffset) =>
      reader.read(partition, { fromOffset, untilOffset, aheadBytes: AHEAD_BYTES, signal }),
  };
}

/** Files are named by offsets without gaps, of topics that are one log: those of the broker. */
function notExportable(connector: string): PulsesError {
  const what = `--connector: '${connector}' is not valid: its offsets have gaps; allowed: fs, or 'pulses cat TOPIC > FILE'`;
  return new PulsesError('CONFIG_INVALID', what);
}

/** Makes the directory, and keeps other exports and a broker out of it. @throws PulsesError CONFIG_INVALID, DATA_DIR_LOCKED */
async function lockDirectory(directory: string): Promise<DirectoryLock> {
  try {
    await nodeFileSystem.makeDirectory(directory);
    return await nodeFileSystem.lockDirectory(directory, true);
  } catch (error) {
    if (isPulsesError(error)) throw error;
    const { code = String(error) } = error as NodeJS.ErrnoException;
    const what = `--to: '${directory}' is not valid: a directory that this user can write (${code})`;
    throw new PulsesError('CONFIG_INVALID', what, { cause: error });
  }
}
