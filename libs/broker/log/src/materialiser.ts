// Carries messages from the journal into the topics' readable files, off the path of acknowledgements.
//
// It follows the journal: what it takes next is what was stored first. Near the end the payloads are in memory still; what
// is not is read from the journal again, so that neither a start nor a burst has to wait for the files.
//
// Guarantees: batches of a topic are written in order, each once; one leaves the tail only after it is in the files; files
// trail the newest message by about `delayMs`, as far as the disk keeps up. A full disk or a want of descriptors stops it,
// and it tries again by itself; any other failure is reported and final.
// Bounds: `passBytesMax` in one pass, of payload in memory and of what is read of the journal, as a whole;
// `unwrittenBytesMax`, `unwrittenLoadedBytesMax` and `unwrittenBatchesMax` that are not in the files, beyond which `room` makes
// commits wait, or refuses them while the disk is full.

import { Condition, mapConcurrent } from '@pulses/shared-async';
import { PulsesError } from '@pulses/shared-errors';
import type { Clock, Logger, Timer } from '@pulses/shared-ports';
import type { DeletedTopic } from './entries';
import { TOPIC_SYNCS_MAX } from './io-threads';
import type { JournalReader } from './journal-reader';
import type { StoredBatch } from './record-cut';
import type { TopicState } from './state';
import { isFull, isOutOfDescriptors, storageFailed } from './storage-errors';
import type { Tail, TailRow } from './tail';
import {
  createTopicFiles,
  removeTopicDirectory,
  syncDirectory,
  syncFiles,
  tidyFiles,
  writeBatches,
  writeHeld,
  type SyncedSegment,
  type TopicFiles,
  type TopicStore,
} from './topic-files';

/** Topics that are written at a time: small pieces of many go together. With more of them, what is under way grows old. */
const WRITERS = 64;
/** After so many topics what is durable is noted, also when the rest fails or is cut short. */
const SYNCED_TOGETHER = 512;
/** Then others have a turn: with many small batches a pass takes tens of thousands. */
const TAKEN_AT_ONCE = 1_000;
const RETRY_MS = 250;
/** How long a stop goes on writing; what is left then, the journal has. */
const CLOSE_MS_MAX = 4_000;

export interface MaterialiserOptions {
  readonly store: TopicStore;
  readonly clock: Clock;
  readonly tail: Tail;
  readonly journal: JournalReader;
  readonly logger: Logger;
  readonly delayMs: number;
  readonly unwrittenBytesMax: number;
  readonly unwrittenLoadedBytesMax: number;
  readonly unwrittenBatchesMax: number;
  readonly passBytesMax: number;
  /** LSN up to which frames were handed to `push`. */
  readonly pushedLsn: () => number;
  readonly onFailed: (error: PulsesError) => void;
  /** Called after each pass that wrote everything. */
  readonly onPass: () => void;
}

export interface Materialiser {
  /** Files that were there before; their topics are known to the state. */
  adopt(files: TopicFiles): void;
  /**
   * Changes no file before `verify` has resolved; its failure is reported and final. `verify` calls back often, and has to
   * let what that throws through: it is stopped by it.
   */
  holdUntil(verify: (goOn: () => void) => Promise<void>): void;
  push(topic: TopicState, row: TailRow): void;
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
  /** A `sync`, and a drain that waits for room, now or later, end with SHUTTING_DOWN. */
  stopDraining(): void;
  /** Goes on writing for some seconds at most, and stops. */
  close(): Promise<void>;
  /** Stops, and changes no file any more. */
  abandon(): Promise<void>;
}

/** What one pass writes of a topic: batches, and those of the whole pass that only the journal had, with their payloads. */
interface Work {
  readonly rows: TailRow[];
  readonly loaded: ReadonlyMap<TailRow, StoredBatch>;
}

/** Resolves in a later turn of the event loop. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Runs `work` for every item, also after a failure, and answers the failures. */
async function failuresOf<Item>(
  items: Iterable<Item>,
  concurrencyMax: number,
  work: (item: Item) => Promise<void>,
): Promise<unknown[]> {
  const failures: unknown[] = [];
  await mapConcurrent(items, concurrencyMax, async (item) => {
    try {
      await work(item);
    } catch (error) {
      failures.push(error);
    }
  });
  return failures;
}

export function createMaterialiser(options: MaterialiserOptions): Materialiser {
  const { store, clock, tail, logger } = options;
  const files = new Map<number, TopicFiles>();
  /** The oldest batch that was not taken yet; the others follow on it. */
  let next: TailRow | undefined;
  /** By topic id: what a pass could not write. Nothing else is taken before it is written. */
  let leftOver = new Map<number, Work>();
  let untidy = new Set<TopicFiles>();
  let dirty = new Set<TopicFiles>();
  let isBlocked = false;
  let isStopped = false;
  /** Why it has stopped, when that is a failure. */
  let failure: PulsesError | undefined;
  /** Under way while no file may be changed. */
  let verifying: Promise<void> | undefined;
  /** What a pass has not written by then, it leaves over. */
  let endMs = Infinity;
  let isDraining = true;
  let timer: Timer | undefined;
  let passing: Promise<void> | undefined;
  const room = new Condition();

  const hasWork = (): boolean => next !== undefined || leftOver.size > 0 || untidy.size > 0;

  const isEnding = (): boolean => isStopped || !isDraining;

  const isLate = (): boolean => clock.monotonicMs() >= endMs;

  const stop = (): void => {
    isStopped = true;
    timer?.cancel();
    timer = undefined;
  };

  const fail = (error: PulsesError): void => {
    stop();
    failure ??= error;
    options.onFailed(error);
  };

  const isTooMuch = (): boolean =>
    tail.unreleasedBytes >= options.unwrittenBytesMax ||
    tail.unreleasedCount >= options.unwrittenBatchesMax ||
    // While no file can be written, to wait would not help: then the journal takes more.
    (tail.unreleasedLoadedBytes >= options.unwrittenLoadedBytesMax && !isBlocked && verifying === undefined);

  const isHurried = (): boolean => tail.unreleasedBytes >= options.passBytesMax || isTooMuch();

  const schedule = (): void => {
    if (timer !== undefined || passing !== undefined || verifying !== undefined || isStopped) return;
    const delayMs = isHurried() ? 0 : options.delayMs;
    timer = clock.setTimer(
      isBlocked ? RETRY_MS : delayMs,
      () => {
        timer = undefined;
        void pass();
      },
      { keepAlive: room.hasWaiters },
    );
  };

  const wakeRoom = (): void => {
    if (isTooMuch() && !isBlocked && !isStopped) return;
    room.notifyAll();
  };

  /** The oldest batches, by topic. When it fails, nothing was taken. */
  const take = async (): Promise<Map<number, Work>> => {
    const work = new Map<number, Work>();
    const loaded = new Map<TailRow, StoredBatch>();
    const gone: TailRow[] = [];
    let bytes = 0;
    let count = 0;
    let frame: { readonly lsn: number; readonly bytes: Uint8Array } | undefined;
    let row = next;
    for (
      ;
      row !== undefined && (bytes === 0 || bytes + tail.lengthOf(row) <= options.passBytesMax);
      row = tail.after(row)
    ) {
      const topicId = tail.topicIdOf(row);
      if (files.get(topicId) === undefined) {
        gone.push(row);
        continue;
      }
      tail.take(row);
      if (tail.isLoaded(row)) {
        bytes += tail.lengthOf(row);
      } else {
        const { place, payloadAt, baseOffset, recordCount, timestampMs, length } = tail.inJournal(row);
        if (frame?.lsn !== place.lsn) {
          const read = await options.journal.read(place);
          // However little of it is taken, all that was read with it stays.
          if (read.buffer !== frame?.bytes.buffer) bytes += read.buffer.byteLength;
          frame = { lsn: place.lsn, bytes: read };
        }
        loaded.set(row, { baseOffset, recordCount, timestampMs, length, start: payloadAt, bytes: frame.bytes });
      }
      const known = work.get(topicId);
      if (known === undefined) work.set(topicId, { rows: [row], loaded });
      else known.rows.push(row);
      count += 1;
      if (count % TAKEN_AT_ONCE === 0) await nextTurn();
    }
    next = row;
    // Not before: where it goes on has to be there until it is known that nothing fails.
    for (const one of gone) tail.release(one);
    return work;
  };

  const writeTopic = async (topicId: number, { rows, loaded }: Work): Promise<void> => {
    if (isLate()) {
      leftOver.set(topicId, { rows, loaded });
      return;
    }
    const topicFiles = files.get(topicId);
    let written = 0;
    const release = (count: number): void => {
      for (const row of rows.slice(written, written + count)) tail.release(row);
      written += count;
      wakeRoom();
    };
    if (topicFiles === undefined || topicFiles.isDropped) {
      release(rows.length);
      return;
    }
    try {
      const stored = rows.map((row) => loaded.get(row) ?? tail.inMemory(row)!); // it was taken, so it stays
      await writeBatches(store, topicFiles, stored, (count) => {
        // Now, not before the write: a `sync` in between would have found nothing to do, and forgotten it.
        dirty.add(topicFiles);
        release(count);
      });
    } catch (error) {
      topicFiles.needsTidy = true;
      leftOver.set(topicId, { rows: rows.slice(written), loaded });
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

  const syncNames = async (): Promise<void> => {
    const directories = [...store.unsyncedDirectories];
    store.unsyncedDirectories.clear();
    try {
      for (const directory of directories) await syncDirectory(store, directory);
    } catch (error) {
      for (const directory of directories) store.unsyncedDirectories.add(directory);
      throw error;
    }
  };

  const syncSome = async (some: readonly TopicFiles[]): Promise<void> => {
    if (!isDraining) throw new PulsesError('SHUTTING_DOWN');
    const synced: SyncedSegment[] = [];
    const syncTopic = async (topicFiles: TopicFiles): Promise<void> => {
      synced.push(...(await syncFiles(store, topicFiles)));
    };
    const failures = await failuresOf(some, TOPIC_SYNCS_MAX, syncTopic);
    if (failures.length > 0) throw failures[0];
    // Only now: a segment made meanwhile may be among those that were just synchronised.
    await syncNames();
    // Not before their names are durable too: a checkpoint may be made at any time.
    for (const { segment, mark } of synced) segment.synced = mark;
  };

  const runPass = async (): Promise<void> => {
    const tidying = untidy;
    untidy = new Set();
    // Deletions first: a topic made again may use the same directory.
    const failures = await failuresOf(tidying, WRITERS, tidyTopic);
    let work = leftOver;
    leftOver = new Map();
    try {
      if (work.size === 0) work = await take();
    } catch (error) {
      failures.push(error);
    }
    failures.push(...(await failuresOf(work, WRITERS, ([topicId, some]) => writeTopic(topicId, some))));
    const fatal = failures.find((error) => !isFull(error) && !isOutOfDescriptors(error));
    if (fatal !== undefined) fail(storageFailed('a topic file failed', fatal));
    const wasBlocked = isBlocked;
    isBlocked = failures.length > 0;
    if (isBlocked && !wasBlocked) logger.warn({ reason: String(failures[0]) }, 'writing topic files failed, retrying');
    if (!isBlocked && wasBlocked) logger.info({}, 'writing topic files works again');
    wakeRoom();
  };

  const pass = (): Promise<void> => {
    passing ??= runPass().finally(() => {
      passing = undefined;
      if (isStopped) return;
      if (isBlocked || hasWork()) schedule();
      if (!isBlocked) options.onPass();
    });
    return passing;
  };

  const wake = (): void => {
    if (isBlocked || !isHurried()) {
      schedule();
      return;
    }
    if (passing !== undefined || verifying !== undefined || isStopped) return;
    timer?.cancel();
    timer = undefined;
    void pass();
  };

  const waitForRoom = (): Promise<void> | undefined => {
    if (!isTooMuch()) return undefined;
    if (isStopped) throw failure ?? new PulsesError('SHUTTING_DOWN');
    if (isBlocked) throw new PulsesError('STORAGE_FULL');
    const woken = room.wait();
    wake();
    return woken.then(waitForRoom);
  };

  const abandon = async (): Promise<void> => {
    stop();
    await verifying;
    while (passing !== undefined) await passing;
    await store.cache.shed();
  };

  return {
    adopt: (topicFiles) => {
      topicFiles.needsTidy = true;
      files.set(topicFiles.topicId, topicFiles);
    },
    holdUntil: (verify) => {
      const goOn = (): void => {
        if (isEnding()) throw new PulsesError('SHUTTING_DOWN');
      };
      verifying = verify(goOn)
        .catch((error: unknown) => {
          if (isEnding()) stop();
          else fail(storageFailed('the journal cannot be read', error));
        })
        .finally(() => {
          verifying = undefined;
          wakeRoom();
          if (hasWork()) wake();
        });
    },
    push: (topic, row) => {
      if (!files.has(topic.id)) files.set(topic.id, createTopicFiles(store, topic));
      next ??= row;
      wake();
    },
    drop: (topic) => {
      const { topicId } = topic;
      const topicFiles = files.get(topicId) ?? createTopicFiles(store, { ...topic, id: topicId });
      files.delete(topicId);
      topicFiles.isDropped = true;
      topicFiles.segments.length = 0;
      untidy.add(topicFiles);
      for (const row of leftOver.get(topicId)?.rows ?? []) tail.release(row);
      leftOver.delete(topicId);
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
    room: waitForRoom,
    drain: async () => {
      const lsn = options.pushedLsn();
      const isDone = (): boolean =>
        leftOver.size === 0 && untidy.size === 0 && (next === undefined || tail.lsnOf(next) > lsn);
      for (;;) {
        await verifying;
        while (passing !== undefined) await passing;
        if (isEnding()) throw new PulsesError('SHUTTING_DOWN');
        if (isDone()) return lsn;
        await pass();
        if (!isBlocked) continue;
        await new Promise<void>((resolve) => clock.setTimer(RETRY_MS, resolve, { keepAlive: false }));
      }
    },
    sync: async () => {
      const syncing = [...dirty];
      dirty = new Set();
      for (let from = 0; from < syncing.length; from += SYNCED_TOGETHER) {
        try {
          await syncSome(syncing.slice(from, from + SYNCED_TOGETHER));
        } catch (error) {
          for (const topicFiles of syncing.slice(from)) dirty.add(topicFiles);
          throw error;
        }
      }
      // Names may have gone since.
      await syncNames();
    },
    stopDraining: () => {
      isDraining = false;
      endMs = clock.monotonicMs() + CLOSE_MS_MAX;
    },
    close: async () => {
      if (verifying !== undefined) {
        await abandon();
        return;
      }
      while (passing !== undefined) await passing;
      endMs = Math.min(endMs, clock.monotonicMs() + CLOSE_MS_MAX);
      do {
        if (!hasWork() || isStopped || isLate()) break;
        await pass();
      } while (!isBlocked);
      stop();
      // Files that are whole are easier to read by others; what fails here, the journal has.
      const writeIndexes = async (topicFiles: TopicFiles): Promise<void> => {
        if (isLate()) return;
        for (const segment of topicFiles.segments) await writeHeld(store, topicFiles, segment);
      };
      await failuresOf(dirty, WRITERS, writeIndexes);
      await store.cache.shed();
    },
    abandon,
  };
}
