// Writes what can be saved of a damaged data directory into a new one: `pulses repair`.
//
// What happens to a topic with a hole. An offset is what everything else is bound to: consumer positions, the ids of
// grouped and aggregated pulses, the answers to producers that repeat themselves. So no message is ever renumbered, and
// nothing behind the hole is thrown away either: each lost message leaves a filler line at its offset, with the
// timestamp before it. A consumer that is behind the hole never sees it; one before it reads the fillers, and an
// ingestor makes a dead letter of each. So what was lost is counted, in the place where it was lost, and nothing is
// counted twice or skipped silently. Topics keep their incarnations.
//
// What happens to positions. One that is stored in a valid frame behind the last hole of the journal, or in a checkpoint
// with no hole behind it, is exact. When a group may have moved in lost frames and stored nothing since, it goes on
// from its last position that is known; messages that only the files still have, of topics that no group reads, are
// then left out, because the group may have stored them together with the lost position and will store them again. With
// lost frames, epochs of groups are raised, so that no holder from before passes.
//
// What happens to owners of outputs. Each frame with outputs names their owner. Where lost frames may have named one, and
// none behind them does, the outputs belong to UNKNOWN_OWNER: two groups could publish the same sums otherwise.
//
// What cannot be known is said: without a valid checkpoint, and with the start of the journal gone, a group or producer
// that the rest of the journal does not mention is forgotten, and such a group would begin at the first message. Lines of
// a topic file without a sound index are not taken over: nothing proves them, and nothing dates them.
//
// Guarantees: the original is not changed; the new directory opens like any other; a crash in the middle leaves one
// that does not open.

import { createHash } from 'node:crypto';
import { PulsesError } from '@pulses/shared-errors';
import type { FileSystem } from '@pulses/shared-ports';
import { writeAttestation } from './attestation';
import { encodeCheckpoint } from './checkpoint-codec';
import { storeCheckpoint } from './checkpoint-store';
import { summaryOf, withReadLock } from './fsck';
import { messagesOf } from './fsck-report';
import { surveyDirectory } from './fsck-survey';
import type { JournalPiece, Survey, SurveyedTopic, SurveyProgress } from './fsck-survey-types';
import { fileWriterOver } from './file-writers';
import { writeAll } from './full-io';
import { createHandleCache } from './handle-cache';
import { encodeSegmentHeader, LOG_ID_BYTES, segmentName } from './journal-segment';
import { createOrReset } from './journal-writer';
import { BROKER_LOG_DEFAULTS } from './options';
import { listLosses } from './repair-losses';
import { rescueTopic } from './repair-topic';
import type { Repair } from './repair-types';
import { applyClaimed, newGroup, UNKNOWN_OWNER, type LogState, type TopicState } from './state';
import { directoriesOf, type Directories } from './storage';
import { systemCode } from './storage-errors';
import { createTopicFiles, type SegmentState, type TopicStore } from './topic-files';

/** Above what a group's epoch can have risen by in frames that are lost. */
const EPOCH_LEAP = 1_000_000;
const OPEN_FILES_MAX = 64;
const EACH = (): boolean => true;

export interface RepairOptions {
  readonly fileSystem: FileSystem;
  /** The data directory. No broker may have it open. */
  readonly from: string;
  /** A directory that does not exist, or is empty. */
  readonly to: string;
  /** False for topics that nothing is derived from; without it, each topic may be a source. */
  readonly mayBeSource?: (topic: string) => boolean;
  /** Called often: it has to be quick. */
  readonly onProgress?: (progress: SurveyProgress) => void;
}

/**
 * Writes what is left of `from` into `to`.
 *
 * @throws PulsesError DATA_DIR_LOCKED, CONFIG_INVALID (`from` is missing, or `to` is in use or inside `from`),
 * STORAGE_FAILED; the port's error when a file cannot be read or written
 */
export async function repairDataDirectory(options: RepairOptions): Promise<Repair> {
  const { fileSystem, from, to } = options;
  if (`${to}/`.startsWith(`${from}/`)) throw new PulsesError('CONFIG_INVALID', `${to} is inside ${from}`);
  return await withReadLock(fileSystem, from, async () => {
    // First of all: the survey can take long.
    await makeTarget(fileSystem, to);
    const pieces = new Map<SurveyedTopic, JournalPiece[]>();
    const survey = await surveyDirectory({
      fileSystem,
      directory: from,
      onProgress: options.onProgress,
      onPiece: (topic, piece) => {
        const known = pieces.get(topic);
        if (known === undefined) pieces.set(topic, [piece]);
        else known.push(piece);
      },
    });
    const claimed = claimUnknown(survey, options.mayBeSource);
    const losses = listLosses(survey, claimed);
    const lock = await fileSystem.lockDirectory(to);
    try {
      await writeDirectory(options, survey, pieces);
    } finally {
      await lock.release();
    }
    const lostMessages = losses.lost.reduce((sum, { messages }) => sum + messages, 0);
    const summary = summaryOf(survey);
    return {
      findings: survey.list.findings,
      summary,
      saved: {
        topics: survey.tolerant.state.topicsById.size,
        messages:
          summary.messages - [...survey.topics.values()].reduce((sum, { missing }) => sum + messagesOf(missing), 0),
      },
      ...losses,
      isWhole: lostMessages === 0 && losses.lostState.length === 0,
    };
  });
}

/**
 * Gives outputs whose owner lost frames may have told to one that never joins; answers the topics. Where no outputs are left,
 * none can be published twice.
 */
function claimUnknown({ tolerant }: Survey, mayBeSource: (topic: string) => boolean = EACH): string[] {
  const { state, nameless, uncertainOwners } = tolerant;
  const claimed: string[] = [];
  const topics = [...state.topicsById.values()];
  const isOutput = ({ id, topic, nextOffset }: TopicState) =>
    nextOffset > 0 && !(nameless.has(id) || mayBeSource(topic));
  if (mayBeSource !== EACH && !topics.some(isOutput)) return [];
  for (const topic of topics) {
    if (topic.owner !== '' || !uncertainOwners.has(topic.id) || nameless.has(topic.id)) continue;
    if (!mayBeSource(topic.topic)) continue;
    state.groups.set(UNKNOWN_OWNER, state.groups.get(UNKNOWN_OWNER) ?? newGroup());
    applyClaimed(state, topic, UNKNOWN_OWNER);
    claimed.push(topic.topic);
  }
  return claimed;
}

/** Lost frames may have raised them, and may have deleted groups of any epoch. */
function raiseEpochs(state: LogState): void {
  for (const group of state.groups.values()) {
    group.epoch += EPOCH_LEAP;
    state.epochFloor = Math.max(state.epochFloor, group.epoch);
  }
  state.epochFloor += EPOCH_LEAP;
}

/** @throws PulsesError CONFIG_INVALID */
async function makeTarget(fileSystem: FileSystem, to: string): Promise<void> {
  let names: string[];
  try {
    await fileSystem.makeDirectory(to);
    names = await fileSystem.list(to);
  } catch (error) {
    throw new PulsesError('CONFIG_INVALID', `${to} is not a directory that can be made (${systemCode(error)})`, {
      cause: error,
    });
  }
  if (names.length > 0)
    throw new PulsesError('CONFIG_INVALID', `${to} is not empty; a repair writes into a new directory`);
}

async function writeDirectory(
  options: RepairOptions,
  survey: Survey,
  pieces: ReadonlyMap<SurveyedTopic, readonly JournalPiece[]>,
): Promise<void> {
  const { fileSystem, to, onProgress } = options;
  const { holes, tolerant, topics, counts } = survey;
  const { state } = tolerant;
  const directories = directoriesOf(to);
  for (const directory of [directories.journal, directories.checkpoints, directories.topics]) {
    await fileSystem.makeDirectory(directory);
  }
  await fileSystem.syncDirectory(directories.data);
  // No LSN is given out twice, also none of a frame that is lost.
  const lsn = Math.max(state.lsn, survey.walk.highestLsn, 1);
  // First: it asks for frames that are not there yet, so a directory that is not finished does not open.
  await writeAttestation(fileSystem, directories.journal, { lsn, timestampMs: survey.lastTimestampMs });
  for (const topicId of tolerant.nameless) {
    state.topicsByName.delete(state.topicsById.get(topicId)?.topic ?? '');
    state.topicsById.delete(topicId);
    for (const { positions } of state.groups.values()) positions.delete(topicId);
  }

  const store: TopicStore = {
    fileSystem,
    cache: createHandleCache(fileSystem, OPEN_FILES_MAX),
    writer: fileWriterOver(fileSystem),
    dataDirectory: directories.data,
    topicsDirectory: directories.topics,
    segmentBytesMax: BROKER_LOG_DEFAULTS.topicSegmentBytesMax,
    entriesHeldMax: BROKER_LOG_DEFAULTS.entriesHeldMax,
    unsyncedDirectories: new Set(),
  };
  const segments = new Map<number, SegmentState[]>();
  try {
    for (const topic of state.topicsById.values()) {
      const files = createTopicFiles(store, topic);
      const surveyed = topics.get(topic.id)!; // the survey has all topics of its state
      await rescueTopic({
        fileSystem,
        surveyed,
        segments: survey.segmentsOf(topic.id),
        pieces: pieces.get(surveyed) ?? [],
        store,
        files,
        onBytes: (count) => {
          counts.bytes += count;
          onProgress?.({ phase: 'writing', bytes: counts.bytes });
        },
      });
      segments.set(topic.id, files.segments);
    }
  } finally {
    await store.cache.shed();
  }
  for (const directory of store.unsyncedDirectories) await fileSystem.syncDirectory(directory);
  if (holes.length > 0) raiseEpochs(state);
  await writeEnd(fileSystem, directories, survey, segments, lsn);
}

/** A journal that starts behind everything, and last the checkpoint, which makes the directory one that opens. */
async function writeEnd(
  fileSystem: FileSystem,
  directories: Directories,
  survey: Survey,
  segments: ReadonlyMap<number, SegmentState[]>,
  lsn: number,
): Promise<void> {
  const { walk, tolerant, lastTimestampMs } = survey;
  const { state } = tolerant;
  const frameCrc = walk.lastLsn === lsn ? walk.lastCrc : 0;
  state.lsn = lsn;
  state.lastTimestampMs = lastTimestampMs;
  const made = createHash('sha256').update(directories.data).digest().subarray(0, LOG_ID_BYTES);
  const logId = survey.logId ?? walk.logId ?? made;
  const path = `${directories.journal}/${segmentName(lsn + 1)}`;
  const handle = await createOrReset(fileSystem, path);
  try {
    await writeAll(handle, [encodeSegmentHeader({ logId, firstLsn: lsn + 1, previousCrc: frameCrc })], 0);
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await fileSystem.syncDirectory(directories.journal);
  const bytes = encodeCheckpoint({ logId, state, frameCrc, materialisedLsn: lsn, segments });
  await storeCheckpoint(fileSystem, directories.checkpoints, lsn, bytes);
}
