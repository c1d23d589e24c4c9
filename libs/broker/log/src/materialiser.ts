// Carries messages from memory into the topics' readable files, off the path of acknowledgements.
//
// Guarantees: batches of a topic are written in order, each once; a batch leaves memory only after it is in the
// files; files trail the newest message by about `delayMs`. A full disk or a want of descriptors stops it, and it
// tries again by itself; any other failure is reported and final.
// Bounds: `unwrittenBytesMax` of payload in memory, beyond which `room` makes commits wait, or refuses them while the
// disk is full.

import { PulsesError } from '@pulses/shared-errors';
import type { Clock, Timer } from '@pulses/shared-ports';
import { eachOf } from './each-of';
import type { DeletedTopic } from './entries';
import type { LogLogger } from './options';
import type { TopicState } from './state';
import { isFull, isOutOfDescriptors, storageFailed } from './storage-errors';
import type { Tail, TailBatch } from './tail';
import {
  createTopicFiles,
  removeTopicDirectory,
  syncDirectory,
  syncFiles,
  tidyFiles,
  writeBatches,
  type TopicFiles,
  type TopicStore,
} from './topic-files';

/** libuv has four threads: the journal and the readers need theirs. */
const WRITERS = 2;
const RETRY_MS = 250;
/** So much waiting is written at once instead of after the delay. */
const EAGER_BYTES = 32 * 1024 * 1024;

export interface MaterialiserOptions {
  readonly store: TopicStore;
  readonly clock: Clock;
  readonly tail: Tail;
  readonly logger: LogLogger;
  readonly delayMs: number;
  readonly unwrittenBytesMax: number;
  /** LSN up to which frames were handed to `push`. */
  readonly pushedLsn: () => number;
  readonly onFailed: (error: PulsesError) => void;
  /** Called after each pass that wrote everything. */
  readonly onPass: () => void;
}

export interface Materialiser {
  /** Files that were there before; their topics are known to the state. */
  adopt(files: TopicFiles): void;
  push(topic: TopicState, batch: TailBatch): void;
  /** The topic was deleted: its files go. */
  drop(topic: DeletedTopic): void;
  /** Messages before `startOffset` are no longer kept: the segments that hold only such go. */
  trim(topicId: number, startOffset: number): void;
  filesOf(topicId: number): TopicFiles | undefined;
  /** Undefined when there is room for more, else a promise of it. @throws PulsesError STORAGE_FULL */
  room(): Promise<void> | undefined;
  /** Writes everything pushed so far; resolves to the LSN up to which that is so. Waits while the disk is full. */
  drain(): Promise<number>;
  /** Makes all that is written durable, with names. @throws the port's error; nothing is forgotten then */
  sync(): Promise<void>;
  /** A drain that waits for room, now or later, ends with SHUTTING_DOWN. */
  stopDraining(): void;
  /** Writes what it can once more and stops. */
  close(): Promise<void>;
}

export function createMaterialiser(options: MaterialiserOptions): Materialiser {
  const { store, clock, tail, logger } = options;
  const files = new Map<number, TopicFiles>();
  let pending = new Map<number, TailBatch[]>();
  let untidy = new Set<TopicFiles>();
  let dirty = new Set<TopicFiles>();
  let isBlocked = false;
  let isStopped = false;
  let isDraining = true;
  let timer: Timer | undefined;
  let passing: Promise<void> | undefined;
  let roomWaiters: (() => void)[] = [];

  const hasWork = (): boolean => pending.size > 0 || untidy.size > 0;

  const schedule = (delayMs: number): void => {
    if (timer !== undefined || passing !== undefined || isStopped) return;
    timer = clock.setTimer(
      delayMs,
      () => {
        timer = undefined;
        void pass();
      },
      { keepAlive: false },
    );
  };

  const wakeRoom = (): void => {
    if (tail.unreleasedBytes >= options.unwrittenBytesMax && !isBlocked) return;
    const waiters = roomWaiters;
    roomWaiters = [];
    for (const wake of waiters) wake();
  };

  const putBack = (topicId: number, batches: readonly TailBatch[]): void => {
    if (batches.length === 0) return;
    pending.set(topicId, [...batches, ...(pending.get(topicId) ?? [])]);
  };

  const writeTopic = async (topicId: number, batches: TailBatch[]): Promise<void> => {
    const topicFiles = files.get(topicId);
    let written = 0;
    try {
      if (topicFiles !== undefined && !topicFiles.isDropped) {
        await writeBatches(store, topicFiles, batches, (count) => {
          // Now, not before the write: a `sync` in between would have found nothing to do, and forgotten it.
          dirty.add(topicFiles);
          for (const batch of batches.slice(written, written + count)) tail.release(batch);
          written += count;
          wakeRoom();
        });
      } else {
        for (const batch of batches) tail.release(batch);
      }
    } catch (error) {
      if (topicFiles !== undefined) topicFiles.needsTidy = true;
      putBack(topicId, batches.slice(written));
      throw error;
    }
  };

  const tidyTopic = async (topicFiles: TopicFiles): Promise<void> => {
    try {
      await tidyFiles(store, topicFiles);
      if (!topicFiles.isDropped) return;
      await removeTopicDirectory(store, topicFiles);
    } catch (error) {
      untidy.add(topicFiles);
      throw error;
    }
  };

  const runPass = async (): Promise<void> => {
    const work = pending;
    const tidying = untidy;
    pending = new Map();
    untidy = new Set();
    const failures: unknown[] = [];
    // Deletions first: a topic made again may use the same directory.
    await eachOf(tidying, WRITERS, tidyTopic, failures);
    await eachOf(work, WRITERS, ([topicId, batches]) => writeTopic(topicId, batches), failures);
    const fatal = failures.find((error) => !isFull(error) && !isOutOfDescriptors(error));
    if (fatal !== undefined) {
      isStopped = true;
      options.onFailed(storageFailed('a topic file failed', fatal));
    }
    const wasBlocked = isBlocked;
    isBlocked = failures.length > 0;
    if (isBlocked && !wasBlocked) logger.warn({ reason: String(failures[0]) }, 'topic files cannot be written now');
    if (!isBlocked && wasBlocked) logger.info({}, 'topic files can be written again');
    wakeRoom();
  };

  const pass = (): Promise<void> => {
    passing ??= runPass().finally(() => {
      passing = undefined;
      if (isStopped) return;
      if (isBlocked) schedule(RETRY_MS);
      else if (hasWork()) schedule(tail.unreleasedBytes >= EAGER_BYTES ? 0 : options.delayMs);
      if (!isBlocked) options.onPass();
    });
    return passing;
  };

  const wake = (): void => {
    if (isBlocked || tail.unreleasedBytes < EAGER_BYTES) {
      schedule(isBlocked ? RETRY_MS : options.delayMs);
      return;
    }
    if (passing !== undefined || isStopped) return;
    timer?.cancel();
    timer = undefined;
    void pass();
  };

  return {
    adopt: (topicFiles) => {
      topicFiles.needsTidy = true;
      files.set(topicFiles.topicId, topicFiles);
    },
    push: (topic, batch) => {
      if (!files.has(topic.id)) files.set(topic.id, createTopicFiles(store, topic));
      const waiting = pending.get(topic.id);
      if (waiting === undefined) pending.set(topic.id, [batch]);
      else waiting.push(batch);
      wake();
    },
    drop: (topic) => {
      const { topicId } = topic;
      const topicFiles = files.get(topicId) ?? createTopicFiles(store, { ...topic, id: topicId });
      files.delete(topicId);
      topicFiles.isDropped = true;
      topicFiles.segments.length = 0;
      untidy.add(topicFiles);
      for (const batch of pending.get(topicId) ?? []) tail.release(batch);
      pending.delete(topicId);
      wake();
    },
    trim: (topicId, startOffset) => {
      const topicFiles = files.get(topicId);
      if (topicFiles === undefined) return;
      // A segment that starts there may be empty still: its first write is under way.
      const kept = topicFiles.segments.findIndex(
        ({ baseOffset, written }) => baseOffset >= startOffset || written.nextOffset > startOffset,
      );
      topicFiles.segments.splice(0, kept === -1 ? topicFiles.segments.length : kept);
      untidy.add(topicFiles);
      wake();
    },
    filesOf: (topicId) => files.get(topicId),
    room: () => {
      if (tail.unreleasedBytes < options.unwrittenBytesMax) return undefined;
      if (isBlocked) throw new PulsesError('STORAGE_FULL');
      return new Promise((resolve) => {
        roomWaiters.push(resolve);
      });
    },
    drain: async () => {
      for (;;) {
        // A pass under way may have started before the last push; when it ends, another may have.
        while (passing !== undefined) await passing;
        if (isStopped) throw new PulsesError('SHUTTING_DOWN');
        const lsn = options.pushedLsn();
        await pass();
        if (!isBlocked) return lsn;
        if (!isDraining) throw new PulsesError('SHUTTING_DOWN');
        await new Promise<void>((resolve) => clock.setTimer(RETRY_MS, resolve, { keepAlive: false }));
      }
    },
    sync: async () => {
      const syncing = dirty;
      dirty = new Set();
      let directories: string[] = [];
      try {
        const failures: unknown[] = [];
        await eachOf(syncing, WRITERS, (topicFiles) => syncFiles(store, topicFiles), failures);
        if (failures.length > 0) throw failures[0];
        // Only now: a segment made meanwhile may be among those that were just synchronised.
        directories = [...store.unsyncedDirectories];
        store.unsyncedDirectories.clear();
        for (const directory of directories) await syncDirectory(store, directory);
      } catch (error) {
        for (const topicFiles of syncing) dirty.add(topicFiles);
        for (const directory of directories) store.unsyncedDirectories.add(directory);
        throw error;
      }
    },
    stopDraining: () => {
      isDraining = false;
    },
    close: async () => {
      while (passing !== undefined) await passing;
      if (hasWork() && !isStopped) await pass();
      isStopped = true;
      timer?.cancel();
      timer = undefined;
      await store.cache.shed();
    },
  };
}
