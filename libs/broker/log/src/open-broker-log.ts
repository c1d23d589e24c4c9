// Puts the log together: recovery, the commit queue, the tail and the readers.

import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import { checkTopicName, COMMIT_MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX, type StoredPosition } from '@pulses/broker-wire';
import { writeAttestation } from './attestation';
import type { BrokerLog } from './broker-log';
import { createCommitQueue, type QueuedRequest } from './commit-queue';
import type { Entry } from './entries';
import { createJournalIndex } from './journal-index';
import type { WrittenFrame } from './journal-writer';
import { createListeners } from './listeners';
import { createLogClock } from './log-clock';
import { BROKER_LOG_DEFAULTS, SILENT_LOGGER, type OpenBrokerLogOptions } from './options';
import { recoverJournal } from './recovery';
import { checkAppend, checkCommit, checkName, checkProducer, checkStamp } from './request-checks';
import { createStaging } from './staging';
import { applyFrame, createState, type LogState } from './state';
import { createSyncTimer } from './sync-timer';
import { createTail } from './tail';
import { createTopicList, topicInfo } from './topic-info';

/**
 * Opens the data directory, which is made when it does not exist, and reads back what it holds.
 *
 * @throws PulsesError DATA_DIR_LOCKED, JOURNAL_CORRUPT; the port's error when the directory cannot be used
 */
export async function openBrokerLog(given: OpenBrokerLogOptions): Promise<BrokerLog> {
  const { fileSystem, directory } = given;
  await fileSystem.makeDirectory(directory);
  const lock = await fileSystem.lockDirectory(directory);
  try {
    return await openLocked(given, () => lock.release());
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function openLocked(given: OpenBrokerLogOptions, unlock: () => Promise<void>): Promise<BrokerLog> {
  const { fileSystem, clock, random, directory, logger = SILENT_LOGGER, metrics = {} } = given;
  const options = { ...BROKER_LOG_DEFAULTS, ...given.options };
  const journalDirectory = `${directory}/journal`;
  await fileSystem.makeDirectory(journalDirectory);
  await fileSystem.syncDirectory(directory);

  const state = createState();
  const tail = createTail(options.tailBytesMax);
  const cold = createJournalIndex(fileSystem, directory, journalDirectory);
  const { writer, lastTimestampMs } = await recoverJournal(
    {
      fileSystem,
      clock,
      random,
      logger,
      dataDirectory: directory,
      journalDirectory,
      segmentBytesMax: options.segmentBytesMax,
      onSync: (seconds) => metrics.fsynced?.(seconds),
      onFrame: ({ frame, segment, position }) => {
        const payloadsAt = position + (frame.frameLength - payloadBytes(frame.entries));
        cold.add(frame.entries, frame.timestampMs, segment.header.firstLsn, payloadsAt);
      },
    },
    state,
  );
  const logClock = createLogClock(clock, lastTimestampMs);
  const staging = createStaging(state, random, options.topicsMax);
  const listeners = createListeners();
  const topicList = createTopicList(state);

  let reportFailure: (error: Error) => void = () => undefined;
  const failed = new Promise<Error>((resolve) => {
    reportFailure = resolve;
  });

  const onDurable = (frame: WrittenFrame, timestampMs: number): void => {
    const { entries } = staging;
    const deleted = deletedTopics(state, entries);
    applyFrame(state, { lsn: frame.lsn, timestampMs, entries });
    cold.add(entries, timestampMs, frame.segmentFirstLsn, frame.payloadsAt);
    for (const entry of entries) {
      if (entry.kind !== 'appended') continue;
      tail.release(tail.push(entry, timestampMs, frame.lsn));
      metrics.appended?.(state.topicsById.get(entry.topicId)!.topic, entry.recordCount, entry.length); // just applied
    }
    for (const { id } of deleted) {
      tail.drop(id);
      cold.drop(id);
    }
    if (entries.some((entry) => entry.kind === 'topic-created' || entry.kind === 'topics-deleted')) topicList.changed();
    for (const topic of changedTopics(state, entries)) listeners.wake(topic);
    for (const { topic } of deleted) listeners.wake(topic);
  };

  const queue = createCommitQueue({
    writer,
    staging,
    clock: logClock,
    groupBytesMax: options.groupBytesMax,
    pendingBytesMax: options.pendingBytesMax,
    syncsEachGroup: options.fsync.mode === 'always',
    onDurable,
    onFailed: (error) => {
      logger.error({ code: error.code, reason: error.message }, 'the log has failed');
      reportFailure(error);
    },
    beforeGroup: () => undefined,
  });
  const syncTimer = createSyncTimer(clock, options.fsync, () => queue.between(() => writer.sync()), (error) => {
    if (isPulsesError(error)) queue.fail(error);
  });

  const enqueue = <T>(
    stage: QueuedRequest<T>['stage'],
    rest: { payloadBytes?: number; isAlone?: boolean; isRead?: boolean; onRefused?: QueuedRequest<T>['onRefused'] } = {},
  ): Promise<T> => queue.enqueue({ payloadBytes: 0, isAlone: false, isRead: false, ...rest, stage });

  return {
    failed,
    // Checks throw at once, inside an async function: a refused request never takes a place in the order.
    append: async (append, producer) => {
      if (!state.topicsByName.has(append.topic)) checkTopicName(append.topic);
      checkStamp(producer);
      checkAppend(append, MESSAGE_BYTES_MAX);
      return await enqueue(() => staging.append(append, producer), {
        payloadBytes: append.payload.length,
        onRefused: (code) => {
          if (producer !== undefined) staging.producers.refused(producer, code);
        },
      });
    },
    commit: async (request) => {
      const payload = checkCommit(request, COMMIT_MESSAGE_BYTES_MAX, (topic) => state.topicsByName.has(topic));
      return await enqueue(() => staging.commit(request), { payloadBytes: payload });
    },
    createTopic: async (topic) => {
      checkTopicName(topic);
      return await enqueue(() => staging.createTopic(topic));
    },
    deleteTopics: async (topics) => await enqueue(() => staging.deleteTopics(topics), { isAlone: true }),
    advanceGroupEpoch: async (group) => {
      checkName('group', group);
      return await enqueue(() => staging.advanceGroupEpoch(group), { isAlone: true });
    },
    retireProducer: async (id, epoch) => {
      checkProducer({ id, epoch });
      await enqueue(() => staging.retireProducer(id, epoch), { isAlone: true });
    },
    topic: (name) => {
      const topic = state.topicsByName.get(name);
      return topic === undefined ? undefined : topicInfo(topic);
    },
    topics: (query) => topicList.list(query),
    positions: async (group, topic) => await enqueue(() => () => storedPositions(state, group, topic), { isRead: true }),
    read: async (name, incarnation, fromOffset, bytesMax) => {
      const topic = state.topicsByName.get(name);
      if (topic?.incarnation !== incarnation) throw new PulsesError('TOPIC_UNKNOWN', `topic ${name} is not there any more`);
      if (fromOffset < topic.startOffset || fromOffset > topic.nextOffset || !Number.isSafeInteger(fromOffset)) {
        throw new PulsesError(
          'OFFSET_OUT_OF_RANGE',
          `topic ${name} holds the offsets ${topic.startOffset} to ${topic.nextOffset}, not ${fromOffset}`,
        );
      }
      if (fromOffset === topic.nextOffset) return [];
      return tail.read(topic.id, fromOffset, bytesMax) ?? (await cold.read(topic.id, fromOffset, bytesMax));
    },
    onChange: (topic, listener) => listeners.add(topic, listener),
    clockMs: () => logClock.now(),
    close: async () => {
      syncTimer.stop();
      await queue.close();
      try {
        await writer.sync();
        await writeAttestation(fileSystem, journalDirectory, { lsn: writer.lsn, timestampMs: logClock.now() });
      } catch (error) {
        logger.warn({ reason: String(error) }, 'the log could not be attested on its way out');
      }
      await writer.close();
      await unlock();
    },
  };
}

function payloadBytes(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) if (entry.kind === 'appended') bytes += entry.length;
  return bytes;
}

/** What is needed of topics that a frame deletes, taken before it is applied. */
function deletedTopics(state: LogState, entries: readonly Entry[]): { id: number; topic: string }[] {
  const deleted: { id: number; topic: string }[] = [];
  for (const entry of entries) {
    if (entry.kind !== 'topics-deleted') continue;
    for (const id of entry.topicIds) deleted.push({ id, topic: state.topicsById.get(id)!.topic }); // staged from the state
  }
  return deleted;
}

function changedTopics(state: LogState, entries: readonly Entry[]): Set<string> {
  const names = new Set<string>();
  for (const entry of entries) {
    if (entry.kind === 'topic-created') names.add(entry.topic);
    else if (entry.kind === 'appended') names.add(state.topicsById.get(entry.topicId)!.topic); // just applied
  }
  return names;
}

function storedPositions(state: LogState, group: string, topic: string): StoredPosition[] {
  const found: StoredPosition[] = [];
  for (const [groupName, { positions }] of state.groups) {
    if (group !== '' && group !== groupName) continue;
    for (const [topicId, byName] of positions) {
      const stored = state.topicsById.get(topicId)!; // positions of a deleted topic go with it
      if (topic !== '' && topic !== stored.topic) continue;
      for (const [name, position] of byName) {
        found.push({ group: groupName, topic: stored.topic, incarnation: stored.incarnation, name, ...position });
      }
    }
  }
  return found;
}
