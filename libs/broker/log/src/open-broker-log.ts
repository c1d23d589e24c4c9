// Puts the log together: recovery, the commit queue, the tail and the readers.

import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import { failpoint } from '@pulses/shared-failpoints';
import { SILENT_LOGGER } from '@pulses/shared-ports';
import { checkTopicName, MESSAGE_BYTES_MAX, type RecordBatch } from '@pulses/broker-wire';
import { writeAttestation } from './attestation';
import { copyOf } from './bytes';
import { createCheckpointer } from './checkpointer';
import { createCommitQueue, type QueuedRequest } from './commit-queue';
import type { WrittenFrame } from './journal-writer';
import { createListeners } from './listeners';
import { createLogClock } from './log-clock';
import { BROKER_LOG_DEFAULTS, type OpenBrokerLogOptions } from './options';
import { batchFrom, createGathering } from './record-cut';
import { checkAppend, checkCommit, checkName, checkProducer, checkStamp, type BrokerLog } from '@pulses/broker-log-api';
import { createStaging } from './staging';
import { createRetention } from './retention';
import { applyFrame, type TopicState } from './state';
import { makeDataDirectory, openStorage } from './storage';
import { readFailed } from './storage-errors';
import { storedGroups, storedPositions } from './stored-groups';
import { createSyncTimer } from './sync-timer';
import type { JournalBatch } from './tail';
import { writtenOffset } from './topic-files';
import { createTopicList, topicInfo } from './topic-info';
import { readFiles } from './topic-reader';

/** Of the journal that is read for one answer: a topic's messages may lie in many large frames. */
const FRAMES_BYTES_MAX = 8 * 1024 * 1024;

/**
 * Opens the data directory, which is made when it does not exist, and reads back what it holds.
 *
 * @throws PulsesError DATA_DIR_LOCKED, JOURNAL_CORRUPT; the port's error when the directory cannot be used
 */
export async function openBrokerLog(given: OpenBrokerLogOptions): Promise<BrokerLog> {
  const { fileSystem, directory } = given;
  await makeDataDirectory(fileSystem, directory);
  const lock = await fileSystem.lockDirectory(directory);
  try {
    return await openLocked(given, () => lock.release());
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function openLocked(given: OpenBrokerLogOptions, unlock: () => Promise<void>): Promise<BrokerLog> {
  const { fileSystem, clock, random, logger = SILENT_LOGGER, metrics = {} } = given;
  const options = { ...BROKER_LOG_DEFAULTS, ...given.options };
  let reportFailure: (error: Error) => void = () => undefined;
  const failed = new Promise<Error>((resolve) => {
    reportFailure = resolve;
  });
  // The materialiser may fail while the rest is still being put together.
  let earlyFailure: PulsesError | undefined;
  let onStorageFailed = (error: PulsesError): void => {
    earlyFailure ??= error;
  };
  let onPass = (): void => undefined;
  const storage = await openStorage(given, options, logger, {
    onSync: (seconds) => metrics.fsynced?.(seconds),
    onFailed: (error) => onStorageFailed(error),
    onPass: () => onPass(),
  });
  const { directories, state, tail, store, journal, materialiser, writer, lastTimestampMs } = storage;
  const logClock = createLogClock(clock, lastTimestampMs);
  const staging = createStaging(state, random, options);
  const listeners = createListeners();
  const topicList = createTopicList(state);

  const onDurable = (frame: WrittenFrame, timestampMs: number): void => {
    const { entries } = staging;
    const { place } = frame;
    applyFrame(state, { lsn: place.lsn, timestampMs, entries });
    const changed = new Set<string>();
    let payloadAt = frame.payloadsAt;
    for (const entry of entries) {
      switch (entry.kind) {
        case 'appended': {
          const topic = state.topicsById.get(entry.topicId)!; // just applied
          materialiser.push(topic, tail.push(entry, { place, payloadAt, timestampMs }));
          payloadAt += entry.length;
          metrics.appended?.(topic.topic, entry.recordCount, entry.length);
          changed.add(topic.topic);
          break;
        }
        case 'topic-created':
          topicList.changed();
          changed.add(entry.topic);
          break;
        case 'topics-deleted':
          topicList.changed();
          for (const topic of entry.topics) {
            tail.drop(topic.topicId);
            materialiser.drop(topic);
            changed.add(topic.topic);
          }
          break;
        case 'topic-trimmed':
          materialiser.trim(entry.topicId, entry.startOffset);
          break;
        case 'positions-set':
        case 'position-deleted':
        case 'group-epoch-set':
        case 'outputs-claimed':
        case 'group-deleted':
        case 'group-expired':
        case 'producer-retired':
          break;
        case 'producers-expired':
          staging.producers.forgot();
          break;
      }
    }
    for (const topic of changed) listeners.wake(topic);
  };

  const queue = createCommitQueue({
    writer,
    staging,
    clock: logClock,
    groupBytesMax: options.groupBytesMax,
    pendingBytesMax: options.pendingBytesMax,
    syncsEachGroup: options.fsync.mode === 'always',
    onDurable,
    onFull: () => metrics.storageFull?.(),
    onFailed: (error) => {
      logger.error({ code: error.code, reason: error.message }, 'storage failed, the broker stops');
      reportFailure(error);
    },
    beforeGroup: () => materialiser.room(),
  });
  onStorageFailed = (error) => queue.fail(error);
  if (earlyFailure !== undefined) queue.fail(earlyFailure);
  const checkpointer = createCheckpointer({
    ...storage,
    fileSystem,
    clock,
    logger,
    queue,
    journalDirectory: directories.journal,
    checkpointDirectory: directories.checkpoints,
    checkpointBytes: options.checkpointBytes,
    onFailed: (error) => queue.fail(error),
  });
  onPass = () => checkpointer.consider();
  const syncTimer = createSyncTimer(
    clock,
    options.fsync,
    () => queue.between(() => writer.sync()),
    (error) => {
      if (isPulsesError(error)) queue.fail(error);
    },
  );

  const enqueue = <T>(
    stage: QueuedRequest<T>['stage'],
    rest: {
      payloadBytes?: number;
      isAlone?: boolean;
      isRead?: boolean;
      onRefused?: QueuedRequest<T>['onRefused'];
    } = {},
  ): Promise<T> => queue.enqueue({ payloadBytes: 0, isAlone: false, isRead: false, ...rest, stage });

  const retention = createRetention({
    clock,
    state,
    filesOf: (topicId) => materialiser.filesOf(topicId),
    policyOf: (topic) => given.retention?.(topic),
    intervalMs: options.retentionIntervalMs,
    nowMs: () => logClock.now(),
    store: (trims) => enqueue(() => staging.trim(trims), { isAlone: true }),
    trimmed: ({ topic, fromOffset, toOffset, bytes }) => {
      const messages = toOffset - fromOffset;
      logger.info({ topic, fromOffset, toOffset, messages, bytes }, 'retention removed messages');
      metrics.trimmed?.(topic, messages);
    },
  });

  /** What is in the journal alone. Payloads are copied: a reader that is slow would keep whole frames in memory. */
  const readUnwritten = async (
    batches: readonly JournalBatch[],
    fromOffset: number,
    bytesMax: number,
  ): Promise<RecordBatch[]> => {
    const gathering = createGathering(bytesMax);
    let framesBytes = 0;
    for (const batch of batches) {
      const { place, payloadAt, length } = batch;
      framesBytes += place.length;
      if (framesBytes > FRAMES_BYTES_MAX && gathering.batches.length > 0) break;
      const bytes = copyOf(await journal.read(place), payloadAt, length);
      if (!gathering.add(batchFrom({ ...batch, bytes, start: 0 }, Math.max(fromOffset, batch.baseOffset)))) break;
    }
    return gathering.batches;
  };

  const readCold = async (topic: TopicState, fromOffset: number, bytesMax: number): Promise<RecordBatch[]> => {
    const files = materialiser.filesOf(topic.id);
    if (files === undefined) throw new TypeError(`topic ${topic.topic} has messages and no files`);
    const unwritten = tail.unloaded(topic.id, fromOffset, bytesMax);
    try {
      if (unwritten.length === 0) return await readFiles(store, files, fromOffset, bytesMax);
      return await readUnwritten(unwritten, fromOffset, bytesMax);
    } catch (error) {
      // What was read may have gone meanwhile, which is no damage.
      if (state.topicsById.get(topic.id) !== topic) throw unknownTopic(topic.topic);
      // Written to the files meanwhile, and its segment of the journal may have gone.
      if (unwritten.length > 0 && writtenOffset(files) > fromOffset) return await readCold(topic, fromOffset, bytesMax);
      if (fromOffset < topic.startOffset) throw outOfRange(topic, fromOffset);
      throw readFailed(directories.journal, error);
    }
  };

  return {
    failed,
    // Checks throw at once, inside an async function: a refused request never takes a place in the order.
    append: async (append, producer, era) => {
      if (!state.topicsByName.has(append.topic)) checkTopicName(append.topic);
      checkStamp(producer);
      checkAppend(append, MESSAGE_BYTES_MAX);
      return await enqueue(() => staging.append(append, producer, era), {
        payloadBytes: append.payload.length,
        onRefused: (code) => {
          if (producer !== undefined) staging.producers.refused(producer, code);
        },
      });
    },
    commit: async (request) => {
      checkCommit(request);
      return await enqueue(() => staging.commit(request), { payloadBytes: request.payload.length });
    },
    deletePosition: async (request) => {
      checkName('group', request.group);
      checkName('position name', request.name);
      await enqueue(() => staging.deletePosition(request), { isAlone: true });
    },
    createTopic: async (topic) => {
      checkTopicName(topic);
      return await enqueue(() => staging.createTopic(topic));
    },
    deleteTopics: async (topics) => await enqueue(() => staging.deleteTopics(topics), { isAlone: true }),
    advanceGroupEpoch: async (group, sourceTopic) => {
      checkName('group', group);
      if (sourceTopic !== undefined) checkTopicName(sourceTopic);
      return await enqueue(() => staging.advanceGroupEpoch(group, sourceTopic), { isAlone: true });
    },
    deleteGroup: async (group) => {
      checkName('group', group);
      return await enqueue(() => staging.deleteGroup(group), { isAlone: true });
    },
    expireGroups: async (idleMs, hasMember) =>
      await enqueue(() => staging.expireGroups(idleMs, hasMember), { isAlone: true }),
    groups: async () => await enqueue(() => () => storedGroups(state), { isRead: true }),
    retireProducer: async (id, epoch) => {
      checkProducer({ id, epoch });
      await enqueue(() => staging.retireProducer(id, epoch), { isAlone: true });
    },
    get producerCount() {
      return state.producers.size;
    },
    producersMax: options.producersMax,
    get producerEra() {
      return staging.producers.era;
    },
    expireProducers: async (unusedMs) => await enqueue(() => staging.expireProducers(unusedMs), { isAlone: true }),
    topic: (name) => {
      const topic = state.topicsByName.get(name);
      return topic === undefined ? undefined : topicInfo(topic);
    },
    topics: (query) => topicList.list(query),
    positions: async (group, topic) =>
      await enqueue(() => () => storedPositions(state, group, topic), { isRead: true }),
    read: async (name, incarnation, fromOffset, bytesMax) => {
      const topic = state.topicsByName.get(name);
      if (topic?.incarnation !== incarnation) throw unknownTopic(name);
      if (fromOffset < topic.startOffset || fromOffset > topic.nextOffset || !Number.isSafeInteger(fromOffset)) {
        throw outOfRange(topic, fromOffset);
      }
      if (fromOffset === topic.nextOffset) return [];
      return tail.read(topic.id, fromOffset, bytesMax) ?? (await readCold(topic, fromOffset, bytesMax));
    },
    onChange: (topic, listener) => listeners.add(topic, listener),
    clockMs: () => logClock.now(),
    get isCommitting() {
      return queue.isWorking;
    },
    get unwrittenBytes() {
      return tail.unreleasedBytes;
    },
    close: async () => {
      syncTimer.stop();
      retention.stop();
      await queue.close();
      await checkpointer.close();
      await materialiser.close();
      try {
        // Not after a failure: a second fdatasync can succeed and lie, and what is attested must be on the disk.
        if (!queue.hasFailed) {
          await writer.sync();
          failpoint('stop.before-attestation');
          await writeAttestation(fileSystem, directories.journal, { lsn: writer.lsn, timestampMs: logClock.now() });
        }
      } catch (error) {
        logger.warn({ reason: String(error) }, 'clean-shutdown marker not written');
      }
      await writer.close();
      await unlock();
    },
  };
}

function unknownTopic(name: string): PulsesError {
  return new PulsesError('TOPIC_UNKNOWN', `topic ${name} is not there any more`);
}

function outOfRange({ topic, startOffset, nextOffset }: TopicState, offset: number): PulsesError {
  const what = `topic ${topic} holds the offsets ${startOffset} to ${nextOffset}, not ${offset}`;
  return new PulsesError('OFFSET_OUT_OF_RANGE', what);
}
