// The offline check of a data directory: `pulses fsck`.
//
// Guarantees: every stored byte that a start or a reader would go by is read and held to its CRC, and the topics' files
// to the journal where both have the same messages. Nothing is written, so a read-only copy can be checked. Cannot see: damage to the last frames of a journal that nothing attests, which looks like a torn end.

import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import type { DirectoryLock, FileSystem } from '@pulses/shared-ports';
import { messagesOf, type Finding } from './fsck-report';
import { surveyDirectory } from './fsck-survey';
import type { Survey, SurveyProgress } from './fsck-survey-types';
import { directoriesOf } from './storage';
import { systemCode } from './storage-errors';

export interface InspectOptions {
  readonly fileSystem: FileSystem;
  /** The data directory. */
  readonly directory: string;
  /** Called often: it has to be quick. */
  readonly onProgress?: (progress: SurveyProgress) => void;
}

export interface InspectionSummary {
  readonly bytesChecked: number;
  readonly journalSegments: number;
  readonly frames: number;
  readonly checkpoints: number;
  readonly topics: number;
  readonly topicSegments: number;
  readonly blocks: number;
  /** Stored messages that are kept, those that are lost included. */
  readonly messages: number;
  readonly messagesLost: number;
  /** Findings of each severity; those that were left out of the list, beyond 10,000, are counted too. */
  readonly damages: number;
  readonly notes: number;
  /** Bytes of a torn end of the journal, which is no damage. */
  readonly tornBytes: number;
}

export interface Inspection {
  readonly findings: readonly Finding[];
  /** True when there is no damage: notes may still be there. */
  readonly isSound: boolean;
  /** False when the lock's file can't be written: nothing keeps a broker out of the directory then. */
  readonly isLocked: boolean;
  readonly summary: InspectionSummary;
}

/**
 * Checks a data directory that no broker has open.
 *
 * @throws PulsesError DATA_DIR_LOCKED (a broker has it open), CONFIG_INVALID (there is no such data directory); the
 * port's error when a file cannot be read
 */
export async function inspectDataDirectory(options: InspectOptions): Promise<Inspection> {
  const { fileSystem, directory } = options;
  return await withReadLock(fileSystem, directory, async (isLocked) => {
    const survey = await surveyDirectory(options);
    return {
      findings: survey.list.findings,
      isSound: survey.list.counts.damage === 0,
      isLocked,
      summary: summaryOf(survey),
    };
  });
}

/**
 * Keeps brokers out of a data directory while `work` reads it. Writes nothing: where that makes a lock impossible,
 * there is none.
 * @throws PulsesError DATA_DIR_LOCKED, CONFIG_INVALID
 */
export async function withReadLock<T>(
  fileSystem: FileSystem,
  directory: string,
  work: (isLocked: boolean) => Promise<T>,
): Promise<T> {
  if (!(await isDataDirectory(fileSystem, directory)))
    throw new PulsesError(
      'CONFIG_INVALID',
      `--data-dir: '${directory}' is no data directory; allowed: one that a broker has written`,
    );
  let lock: DirectoryLock | undefined;
  try {
    lock = await fileSystem.lockDirectory(directory, true);
  } catch (error) {
    if (!isPulsesError(error, 'STORAGE_FAILED')) throw error;
  }
  try {
    return await work(lock !== undefined);
  } finally {
    await lock?.release();
  }
}

/** One part is enough: the others may be lost. */
async function isDataDirectory(fileSystem: FileSystem, directory: string): Promise<boolean> {
  const { journal, checkpoints, topics } = directoriesOf(directory);
  for (const path of [journal, checkpoints, topics]) {
    try {
      await fileSystem.list(path);
      return true;
    } catch (error) {
      const code = systemCode(error);
      if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
    }
  }
  return false;
}

export function summaryOf(survey: Survey): InspectionSummary {
  const { list, walk, topics, counts, checkpoints } = survey;
  let messages = 0;
  let messagesLost = 0;
  for (const { topic, missing } of topics.values()) {
    messages += topic.nextOffset - topic.startOffset;
    messagesLost += messagesOf(missing);
  }
  return {
    bytesChecked: counts.bytes,
    journalSegments: walk.segments,
    frames: walk.frames,
    checkpoints,
    topics: topics.size,
    topicSegments: counts.topicSegments,
    blocks: counts.blocks,
    messages,
    messagesLost,
    damages: list.counts.damage,
    notes: list.counts.note,
    tornBytes: walk.tornBytes,
  };
}
