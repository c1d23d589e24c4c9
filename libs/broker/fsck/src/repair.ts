// Writes what can be saved of a damaged data directory into a new one: `pulses repair`.
//
// What happens to a topic with a hole. An offset is what everything else is bound to: consumer positions, the ids of
// grouped and aggregated pulses, the answers to producers that repeat themselves. So no message is renumbered, and nothing
// behind the hole is thrown away either: each lost message leaves a filler line at its offset, with the timestamp before
// it. A consumer that is behind the hole never sees it; one before it reads the fillers, and an ingestor makes a dead letter
// of each. So what was lost is counted, in the place where it was lost, and nothing is counted twice or skipped
// silently. Topics keep their incarnations. Only behind frames that are lost whole, and that no checkpoint has counted, is
// it unknown how many messages a topic lost: it continues at the highest offset that anything tells of, and the report says so.
//
// What happens to positions. One that is stored in a valid frame behind the last hole of the journal, or in a checkpoint
// with no hole behind it, is exact. When a group may have moved in lost frames and stored nothing since, it continues
// from its last position that is known. With lost frames, epochs of groups are raised, so that no holder from before passes.
//
// What happens to owners of outputs. Each frame with outputs names their owner. Where lost frames may have named one, and
// none behind them does, the outputs belong to UNKNOWN_OWNER: two groups could publish the same sums otherwise.
//
// What cannot be known is said: without a valid checkpoint, and with the start of the journal gone, names of topics are
// lost but for those that the rest of the journal tells, and groups and producers too. Messages that no CRC proves are not
// taken over.
//
// Guarantees: the original is not changed; the new directory opens like any other; a crash in the middle leaves one
// that does not open.

import {
  createOrReset,
  directoriesOf,
  encodeCheckpoint,
  encodeSegmentHeader,
  FRAME_HEADER_BYTES,
  LOG_ID_BYTES,
  runName,
  sealFrame,
  segmentName,
  storeCheckpoint,
  systemCode,
  UNKNOWN_OWNER,
  writeAll,
  writeAttestation,
  writeManifest,
  type Directories,
  type LogIdentity,
  type LogState,
} from '@pulses/broker-segment-log';
import { viewOf } from '@pulses/shared-binary';
import { PulsesError } from '@pulses/shared-errors';
import type { FileSystem, Random } from '@pulses/shared-ports';
import { resolve } from 'node:path';
import { summaryOf, withReadLock } from './inspect';
import { listLosses } from './rescue/repair-losses';
import type { Repair } from './repair-types';
import { messagesOf } from './report';
import { rescueRuns } from './rescue/rescue-runs';
import { eachEntry } from './runs/run-directory';
import { surveyDirectory, type Survey, type SurveyProgress } from './survey';
import { topicIdsOf } from './state/tolerant-state';

/** Above what a group's epoch can have risen by in frames that are lost. */
const EPOCH_LEAP = 1_000_000;
const EACH = (): boolean => true;

export interface RepairOptions {
  readonly fileSystem: FileSystem;
  readonly random: Random;
  /** The data directory. No broker may have it open. */
  readonly from: string;
  /** A directory that does not exist, or is empty. */
  readonly to: string;
  /** The kind of a topic, as the log has it. Absent: 0. */
  readonly kindOf?: (topic: string) => number;
  /** False for topics that nothing is derived from; without it, each topic may be a source. */
  readonly mayBeSource?: (topic: string) => boolean;
  /** Called often: it has to be quick. */
  readonly onProgress?: (progress: SurveyProgress) => void;
}

/**
 * Writes what is left of `from` into `to`.
 *
 * @throws PulsesError DATA_DIR_LOCKED, CONFIG_INVALID (`from` is missing or of another release, or `to` is in use or inside
 * `from`), STORAGE_FAILED; the port's error when a file cannot be read or written
 */
export async function repairDataDirectory(options: RepairOptions): Promise<Repair> {
  const { fileSystem, from, to, onProgress, kindOf = () => 0 } = options;
  if (`${resolve(to)}/`.startsWith(`${resolve(from)}/`)) {
    throw new PulsesError('CONFIG_INVALID', `--to: '${to}' is not valid: a directory outside ${from}`);
  }
  return await withReadLock(fileSystem, from, async () => {
    // First of all: the survey can take long.
    const isMade = await makeTarget(fileSystem, to);
    const survey = await surveyDirectory({ fileSystem, directory: from, onProgress, kindOf }).catch(async (error) => {
      if (isMade) await fileSystem.removeDirectory(to);
      throw error;
    });
    const claimed = claimUnknown(survey, options.mayBeSource);
    const losses = listLosses(survey, claimed);
    const summary = summaryOf(survey);
    const lock = await fileSystem.lockDirectory(to);
    try {
      await writeDirectory(options, survey);
    } finally {
      await lock.release();
    }
    const messagesLost = messagesOf(survey.losses);
    return {
      findings: survey.list.findings,
      summary,
      saved: { topics: topicIdsOf(survey.tolerant.state).length, messages: summary.messages - messagesLost },
      ...losses,
      isWhole: messagesLost === 0 && losses.lostState.length === 0,
    };
  });
}

/**
 * Gives outputs whose owner lost frames may have told to one that never joins; answers the topics. Where no outputs are left,
 * none can be published twice.
 */
function claimUnknown({ tolerant }: Survey, mayBeSource: (topic: string) => boolean = EACH): string[] {
  const { state, unnamed, uncertainOwners } = tolerant;
  const { topics, owners, groups } = state;
  const ids = topicIdsOf(state).filter((id) => !unnamed.has(id));
  const nameOf = (id: number): string => topics.nameOf(topics.rowOf(id));
  const isOutput = (id: number): boolean => topics.nextOffset(topics.rowOf(id)) > 0 && !mayBeSource(nameOf(id));
  if (mayBeSource !== EACH && !ids.some(isOutput)) return [];
  const claimed = ids.filter((id) => !owners.has(id) && uncertainOwners.has(id) && mayBeSource(nameOf(id)));
  for (const id of claimed) {
    if (!groups.has(UNKNOWN_OWNER)) groups.set(UNKNOWN_OWNER, { epoch: 0, lastUsedMs: 0, positions: new Map() });
    tolerant.claim(id, UNKNOWN_OWNER);
  }
  return claimed.map(nameOf);
}

/** Lost frames may have raised them, and may have deleted groups of any epoch. */
function raiseEpochs(state: LogState): void {
  for (const group of state.groups.values()) {
    group.epoch += EPOCH_LEAP;
    state.epochFloor = Math.max(state.epochFloor, group.epoch);
  }
  state.epochFloor += EPOCH_LEAP;
}

/** @returns whether it was not there before. @throws PulsesError CONFIG_INVALID */
async function makeTarget(fileSystem: FileSystem, to: string): Promise<boolean> {
  const mount = await fileSystem.pseudoFileSystemOf(to);
  if (mount !== undefined) throw new PulsesError('CONFIG_INVALID', `${to} is not on a disk: ${mount} keeps no files`);
  let names: string[];
  let isThere: boolean;
  try {
    isThere = await fileSystem.exists(to);
    await fileSystem.makeDirectory(to);
    names = await fileSystem.list(to);
  } catch (error) {
    const what = `${to} is not a directory that can be made (${systemCode(error)})`;
    throw new PulsesError('CONFIG_INVALID', what, { cause: error });
  }
  if (names.length > 0) {
    throw new PulsesError('CONFIG_INVALID', `${to} is not empty; a repair writes into a new directory`);
  }
  return !isThere;
}

async function writeDirectory(options: RepairOptions, survey: Survey): Promise<void> {
  const { fileSystem, to, random, onProgress } = options;
  const { tolerant, walk, holes, counts, homeless, lastTimestampMs } = survey;
  const { state } = tolerant;
  const directories = directoriesOf(to);
  for (const directory of [directories.journal, directories.runs, directories.checkpoints]) {
    await fileSystem.makeDirectory(directory);
  }
  await fileSystem.syncDirectory(directories.data);
  // No LSN is given out twice, also none of a frame that is lost. Gaps that no run can take need a place.
  const known = Math.max(state.lsn, state.sealedLsn, walk.highestLsn, 1);
  const lastLsn = homeless.length > 0 && known === state.sealedLsn ? known + 1 : known;
  const lsn = lastLsn + 1;
  // First: it asks for frames that are not there yet, so a directory that is not finished does not open.
  await writeAttestation(fileSystem, directories.journal, { lsn, timestampMs: lastTimestampMs });
  const logId = survey.logId ?? random.bytes(LOG_ID_BYTES);
  const seed = walk.identity?.seed ?? Buffer.from(random.bytes(4)).readUInt32LE();
  state.runs = await rescueRuns({
    ...{ fileSystem, survey, logId, lastLsn, directory: directories.runs },
    onBytes: (count) => {
      counts.bytes += count;
      onProgress?.({ phase: 'writing', bytes: counts.bytes });
    },
  });
  await fileSystem.syncDirectory(directories.runs);
  state.sealedLsn = lastLsn;
  state.lsn = lsn;
  state.lastTimestampMs = lastTimestampMs;
  await recount(fileSystem, directories, survey);
  if (holes.length > 0 || survey.isBeginningLost) raiseEpochs(state);
  await writeEnd(fileSystem, directories, state, { logId, seed });
}

/** Fillers are not as long as what they stand for, and may be the first of their topic. */
async function recount(fileSystem: FileSystem, { runs }: Directories, survey: Survey): Promise<void> {
  const { losses, tolerant, isBeginningLost } = survey;
  const { state } = tolerant;
  const { topics } = state;
  const ids = new Set(isBeginningLost ? topicIdsOf(state) : losses.map(({ topicId }) => topicId));
  if (ids.size === 0) return;
  const found = new Map([...ids].map((id) => [id, { bytes: 0, firstTimestampMs: 0 }]));
  for (const run of state.runs) {
    const path = `${runs}/${runName(run)}`;
    await eachEntry(fileSystem, path, ({ topicId, baseOffset, count, length, firstTimestampMs }) => {
      const own = found.get(topicId);
      if (own === undefined || baseOffset + count <= topics.startOffset(topics.rowOf(topicId))) return;
      if (own.bytes === 0) own.firstTimestampMs = firstTimestampMs;
      own.bytes += length;
    });
  }
  for (const [topicId, own] of found) {
    const row = topics.rowOf(topicId);
    const { startOffset, nextOffset, lastTimestampMs } = topics.info(row);
    topics.restore(row, { startOffset, nextOffset, lastTimestampMs, ...own });
  }
}

/** A journal of one frame behind everything, and last the checkpoint, which makes the directory one that opens. */
async function writeEnd(
  fileSystem: FileSystem,
  directories: Directories,
  state: LogState,
  identity: LogIdentity,
): Promise<void> {
  const { lsn, lastTimestampMs: timestampMs } = state;
  const frame = Buffer.alloc(FRAME_HEADER_BYTES);
  const content = { metaLength: 0, payloadLength: 0, rows: 0, payloadCrc: 0 };
  const order = { lsn, syncedUpTo: lsn - 1, timestampMs, previousCrc: 0 };
  const frameCrc = sealFrame(frame, viewOf(frame), 0, { ...content, ...order }, identity.seed);
  const header = encodeSegmentHeader({ ...identity, firstLsn: lsn, previousCrc: 0 });
  const file = await createOrReset(fileSystem, `${directories.journal}/${segmentName(lsn)}`);
  try {
    await writeAll(file, [header, frame], 0);
    await file.datasync();
  } finally {
    await file.close();
  }
  await fileSystem.syncDirectory(directories.journal);
  await writeManifest(fileSystem, directories.data, identity.logId);
  await storeCheckpoint(fileSystem, directories.checkpoints, lsn, encodeCheckpoint({ identity, state, frameCrc }));
}
