// The offline check of a data directory: `pulses fsck`.
//
// Guarantees: every stored byte that a start or a reader would go by is read and held to its CRC, and the runs to what the
// state says of their topics, and to the frames that they were made of, as long as those are there. Nothing is written, so a read-only copy can be checked. Cannot see: damage to the last frames
// of a journal that nothing attests, which looks like a torn end.

import {
  ATTESTATION_NAME,
  checkPlace,
  directoriesOf,
  firstLsnOf,
  listCheckpoints,
  MANIFEST,
  systemCode,
  type Directories,
} from '@pulses/broker-segment-log';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import type { DirectoryLock, FileSystem } from '@pulses/shared-ports';
import { messagesOf, type Finding } from './report';
import { surveyDirectory, type Survey, type SurveyProgress } from './survey';
import { topicIdsOf } from './state/tolerant-state';

const RUN = /^\d{16}\.\d+\.run$/;

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
  readonly runs: number;
  /** Of the directories of runs. */
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
  /** False when the lock can't be had: nothing keeps a broker out of the directory then. */
  readonly isLocked: boolean;
  readonly summary: InspectionSummary;
}

/**
 * Checks a data directory that no broker has open.
 *
 * @throws PulsesError DATA_DIR_LOCKED (a broker has it open), CONFIG_INVALID (there is no such data directory, or another
 * release wrote it); the port's error when a file cannot be read
 */
export async function inspectDataDirectory(options: InspectOptions): Promise<Inspection> {
  const { fileSystem, directory } = options;
  return await withReadLock(fileSystem, directory, async (isLocked) => {
    const survey = await surveyDirectory({ ...options, kindOf: () => 0 });
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
  if (!(await isDataDirectory(fileSystem, directoriesOf(directory)))) {
    const what = `--data-dir: '${directory}' is no data directory; allowed: one that a broker has written`;
    throw new PulsesError('CONFIG_INVALID', what);
  }
  await checkPlace(fileSystem, directory);
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

/** One file of a log is enough: the others may be lost. */
async function isDataDirectory(fileSystem: FileSystem, directories: Directories): Promise<boolean> {
  const { data, journal, runs, checkpoints } = directories;
  const isOfJournal = (name: string): boolean => firstLsnOf(name) !== undefined || name === ATTESTATION_NAME;
  return (
    (await hasAny(async () => (await fileSystem.list(data)).includes(MANIFEST))) ||
    (await hasAny(async () => (await fileSystem.list(journal)).some(isOfJournal))) ||
    (await hasAny(async () => (await listCheckpoints(fileSystem, checkpoints)).length > 0)) ||
    (await hasAny(async () => (await fileSystem.list(runs)).some((name) => RUN.test(name))))
  );
}

async function hasAny(look: () => Promise<boolean>): Promise<boolean> {
  try {
    return await look();
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return false;
    throw error;
  }
}

export function summaryOf({ list, walk, tolerant, runs, checkpoints, losses, counts }: Survey): InspectionSummary {
  const { topics } = tolerant.state;
  const ids = topicIdsOf(tolerant.state);
  let messages = 0;
  for (const id of ids) messages += topics.nextOffset(topics.rowOf(id)) - topics.startOffset(topics.rowOf(id));
  return {
    bytesChecked: counts.bytes,
    journalSegments: walk.segments,
    frames: walk.frames.length,
    checkpoints,
    topics: ids.length,
    runs: runs.length,
    blocks: counts.blocks,
    messages,
    messagesLost: messagesOf(losses),
    damages: list.counts.damage,
    notes: list.counts.note,
    tornBytes: walk.tornBytes,
  };
}
