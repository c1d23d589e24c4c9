// The log's data directory, opened: checkpoint, journal and topic files put together into the state, the tail and the
// materialiser that go on from there.
//
//   journal/       segments of frames, and `attested`
//   checkpoints/   two generations
//   topics/        a directory for each topic

import { dirname } from 'node:path';
import { isPulsesError, type PulsesError } from '@pulses/shared-errors';
import { failpoint } from '@pulses/shared-failpoints';
import type { FileSystem, Logger } from '@pulses/shared-ports';
import { createArena } from './arena';
import type { Checkpoint } from './checkpoint-codec';
import { loadCheckpoint, removeTemporaries } from './checkpoint-store';
import { fileWriterOver, sheddingWriter } from './file-writers';
import { createHandleCache } from './handle-cache';
import { createJournalReader, type JournalReader } from './journal-reader';
import { seedOf } from './journal-segment';
import type { JournalWriter } from './journal-writer';
import { createMaterialiser, type Materialiser } from './materialiser';
import type { BrokerLogOptions, OpenBrokerLogOptions } from './options';
import { readJournal, type RecoveryOptions } from './recovery';
import { createReplay } from './replay';
import { createState, type LogState } from './state';
import { systemCode } from './storage-errors';
import { createTail, type Tail } from './tail';
import { createTopicFiles, type TopicStore } from './topic-files';

/** The topic files take frame after frame of the journal, and a pass many of these: it keeps what it reads until it is done. */
const READS_A_PASS = 32;

export interface Directories {
  readonly data: string;
  readonly journal: string;
  readonly checkpoints: string;
  readonly topics: string;
}

export interface Storage {
  readonly directories: Directories;
  readonly state: LogState;
  readonly tail: Tail;
  readonly store: TopicStore;
  readonly journal: JournalReader;
  readonly materialiser: Materialiser;
  readonly writer: JournalWriter;
  readonly logId: Uint8Array;
  readonly lastTimestampMs: number;
  /** See CheckpointerOptions. */
  readonly opened: { readonly lsn: number; readonly materialisedLsn: number; readonly journalBytes: number };
}

export interface StorageHooks {
  readonly onSync: (seconds: number) => void;
  readonly onPass: () => void;
  readonly onFailed: (error: PulsesError) => void;
}

export function directoriesOf(data: string): Directories {
  return { data, journal: `${data}/journal`, checkpoints: `${data}/checkpoints`, topics: `${data}/topics` };
}

/** Makes the data directory unless it exists, and its own name durable: all that is stored hangs on it. */
export async function makeDataDirectory(fileSystem: FileSystem, directory: string): Promise<void> {
  const holders = [dirname(directory)];
  let holder = dirname(directory);
  // The parents that are about to be made, too.
  while (holder !== dirname(holder) && !(await fileSystem.exists(holder))) {
    holder = dirname(holder);
    holders.push(holder);
  }
  await fileSystem.makeDirectory(directory);
  for (const path of holders) {
    try {
      await fileSystem.syncDirectory(path);
    } catch (error) {
      // Who may not read the directory has not made a name in it just now.
      if (systemCode(error) !== 'EACCES') throw error;
    }
  }
}

/** @throws PulsesError JOURNAL_CORRUPT; the port's error when the directory cannot be used */
export async function openStorage(
  given: OpenBrokerLogOptions,
  options: BrokerLogOptions,
  logger: Logger,
  hooks: StorageHooks,
): Promise<Storage> {
  const { fileSystem, clock, random } = given;
  const directories = directoriesOf(given.directory);
  for (const directory of [directories.journal, directories.checkpoints, directories.topics]) {
    await fileSystem.makeDirectory(directory);
  }
  await fileSystem.syncDirectory(directories.data);
  await removeTemporaries(fileSystem, directories.checkpoints);
  await removeTemporaries(fileSystem, directories.journal);

  const checkpoint = await loadCheckpoint(fileSystem, directories.checkpoints, directories.data, logger);
  const state = checkpoint?.state ?? createState();
  const opened = { lsn: state.lsn, materialisedLsn: checkpoint?.materialisedLsn ?? 0 };
  const arena = createArena();
  const tail = createTail(options.tailBytesMax, arena);
  const cache = createHandleCache(fileSystem, options.openFilesMax);
  const store: TopicStore = {
    fileSystem,
    cache,
    writer: sheddingWriter(given.fileWriter ?? fileWriterOver(fileSystem), cache),
    dataDirectory: directories.data,
    topicsDirectory: directories.topics,
    segmentBytesMax: options.topicSegmentBytesMax,
    entriesHeldMax: options.entriesHeldMax,
    unsyncedDirectories: new Set(),
  };
  const recovery: RecoveryOptions = {
    fileSystem,
    clock,
    random,
    logger,
    dataDirectory: directories.data,
    journalDirectory: directories.journal,
    segmentBytesMax: options.segmentBytesMax,
    arena,
    onSync: hooks.onSync,
    checkpoint,
  };
  const read = await readJournal(recovery, state);
  const { logId, lastTimestampMs } = read;
  const journalReader = (aheadBytes: number) =>
    createJournalReader(store.cache, directories, seedOf(logId), aheadBytes);
  const materialiser = createMaterialiser({
    store,
    clock,
    tail,
    journal: journalReader(options.passBytesMax / READS_A_PASS),
    logger,
    delayMs: options.materialiseDelayMs,
    unwrittenBytesMax: options.unwrittenBytesMax,
    unwrittenLoadedBytesMax: options.unwrittenLoadedBytesMax,
    unwrittenBatchesMax: options.unwrittenBatchesMax,
    passBytesMax: options.passBytesMax,
    pushedLsn: () => state.lsn,
    ...hooks,
  });
  let journalBytes = 0;
  let writer: JournalWriter | undefined;
  try {
    writer = await read.goOn();
    // Beside the replay, and beside what comes after it: a start does not wait for that.
    materialiser.holdUntil(read.verify);
    adoptFiles(state, checkpoint, store, materialiser);
    const replay = createReplay(directories, state, tail, materialiser);
    await read.replay(async (frame) => {
      journalBytes += frame.place.length;
      replay.frame(frame);
      if (tail.unreleasedCount >= options.unwrittenBatchesMax) await roomOrFull(materialiser);
    });
    replay.end();
    failpoint('recovery.after-replay');
  } catch (error) {
    await materialiser.abandon();
    await writer?.close();
    throw error;
  }
  const at = { ...opened, journalBytes };
  return {
    directories,
    state,
    tail,
    store,
    journal: journalReader(0),
    materialiser,
    writer,
    logId,
    lastTimestampMs,
    opened: at,
  };
}

/** The files of every topic that is left, as far as the checkpoint knows them; what lies beyond is written again. */
function adoptFiles(
  state: LogState,
  checkpoint: Checkpoint | undefined,
  store: TopicStore,
  materialiser: Materialiser,
): void {
  for (const topic of state.topicsById.values()) {
    const segments = checkpoint?.segments.get(topic.id) ?? [];
    // Files that retention has dropped since the checkpoint may be gone.
    const kept = segments.filter(({ written }) => written.nextOffset > topic.startOffset);
    materialiser.adopt(createTopicFiles(store, topic, kept));
  }
}

/** On a full disk the places of all the rest stay in memory: the journal cannot grow meanwhile. */
async function roomOrFull(materialiser: Materialiser): Promise<void> {
  try {
    await materialiser.room();
  } catch (error) {
    if (!isPulsesError(error, 'STORAGE_FULL')) throw error;
  }
}
