// Makes checkpoints, and retires the journal that they replace.
//
// A checkpoint says: the state after frame D, and that every message up to frame M is durable in the topics' files. On
// start the frames after D are read again, and those between M and D skimmed. With many topics it takes long to make their
// files durable, so D does not wait for M: while the files are settled, checkpoints with the M before go on.
//
// The order is what makes it safe: drain to M, synchronise files and names, take the state at a durable D, write the
// checkpoint whole, and only then let go of segments, and only of those that the older of two generations does not need
// either.
//
// Survives: a crash between any two of these; damage to the newest checkpoint. A full disk postpones a checkpoint.

import { isPulsesError, type PulsesError } from '@pulses/shared-errors';
import { failpoint } from '@pulses/shared-failpoints';
import type { Clock, FileSystem, Logger } from '@pulses/shared-ports';
import { encodeCheckpoint } from './checkpoint-codec';
import { storeCheckpoint } from './checkpoint-store';
import type { CommitQueue } from './commit-queue';
import { firstLsnOf, segmentName } from './journal-segment';
import type { JournalWriter } from './journal-writer';
import type { Materialiser } from './materialiser';
import type { LogState } from './state';
import { isFull, isOutOfDescriptors, storageFailed } from './storage-errors';
import type { SegmentState } from './topic-files';

const RETRY_MS = 5_000;
/** In so many `checkpointBytes` the files are made durable once: with many topics that is thousands of calls. */
const CHECKPOINTS_A_SETTLE = 4;

export interface CheckpointerOptions {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly logId: Uint8Array;
  readonly state: LogState;
  readonly writer: JournalWriter;
  readonly queue: CommitQueue;
  readonly materialiser: Materialiser;
  readonly journalDirectory: string;
  readonly checkpointDirectory: string;
  /** Journal written between two checkpoints. */
  readonly checkpointBytes: number;
  /** The checkpoint that the log was opened with, D and M, and the bytes of journal behind it. */
  readonly opened: { readonly lsn: number; readonly materialisedLsn: number; readonly journalBytes: number };
  readonly onFailed: (error: PulsesError) => void;
}

export interface Checkpointer {
  /** Starts a checkpoint when enough journal was written; call often. */
  consider(): void;
  /** Waits for what is under way, and cuts it short; starts nothing. */
  close(): Promise<void>;
}

export function createCheckpointer(options: CheckpointerOptions): Checkpointer {
  const { fileSystem, clock, logger, state, writer, queue, materialiser } = options;
  const { journalDirectory, checkpointDirectory } = options;
  let settling: Promise<void> | undefined;
  let storing: Promise<void> | undefined;
  let isClosed = false;
  let notBeforeMs = -Infinity;
  let bytesAtLast = -options.opened.journalBytes;
  let bytesAtSettle = bytesAtLast;
  /** The M of the next checkpoint. */
  let settledLsn = options.opened.materialisedLsn;
  /** M by D, of the checkpoints that are known to be valid. */
  const materialisedLsns = new Map([[options.opened.lsn, options.opened.materialisedLsn]]);

  const retire = async (upToLsn: number): Promise<void> => {
    const firstLsns = (await fileSystem.list(journalDirectory))
      .map(firstLsnOf)
      .filter((lsn) => lsn !== undefined)
      .sort((left, right) => left - right);
    for (const [index, firstLsn] of firstLsns.entries()) {
      const next = firstLsns[index + 1];
      // A segment holds the frames up to where the next one starts.
      if (next === undefined || next > upToLsn + 1) break;
      await fileSystem.remove(`${journalDirectory}/${segmentName(firstLsn)}`);
      failpoint('checkpoint.after-retire');
    }
  };

  const checkpoint = async (): Promise<void> => {
    const bytesWritten = writer.bytesWritten;
    const materialisedLsn = settledLsn;
    const taken = await queue.between(async () => {
      await writer.sync();
      const segments = new Map<number, SegmentState[]>();
      for (const topicId of state.topicsById.keys()) {
        const files = materialiser.filesOf(topicId);
        if (files !== undefined) segments.set(topicId, files.segments);
      }
      const { logId } = options;
      return {
        lsn: state.lsn,
        bytes: encodeCheckpoint({ logId, state, frameCrc: writer.crc, materialisedLsn, segments }),
      };
    });
    const kept = await storeCheckpoint(fileSystem, checkpointDirectory, taken.lsn, taken.bytes);
    failpoint('checkpoint.after-store');
    materialisedLsns.set(taken.lsn, materialisedLsn);
    const olderNeeds = materialisedLsns.get(kept.at(-1)!); // the new one is among them
    if (kept.length > 1 && olderNeeds !== undefined) await retire(olderNeeds);
    for (const lsn of materialisedLsns.keys()) if (!kept.includes(lsn)) materialisedLsns.delete(lsn);
    bytesAtLast = bytesWritten;
    logger.info({ lsn: taken.lsn, materialisedLsn, bytes: taken.bytes.length }, 'checkpoint');
  };

  const onError = (error: unknown): void => {
    notBeforeMs = clock.monotonicMs() + RETRY_MS;
    if (isPulsesError(error, 'SHUTTING_DOWN')) return;
    if (isFull(error) || isOutOfDescriptors(error)) {
      const why = isFull(error) ? 'disk full' : 'no file descriptor left';
      logger.warn({ reason: String(error) }, `checkpoint postponed: ${why}`);
      return;
    }
    options.onFailed(storageFailed('the checkpoint failed', error));
  };

  const store = (): Promise<void> => {
    storing ??= checkpoint().finally(() => {
      storing = undefined;
    });
    return storing;
  };

  const settle = async (): Promise<void> => {
    bytesAtSettle = writer.bytesWritten;
    const lsn = await materialiser.drain();
    failpoint('checkpoint.after-drain');
    await materialiser.sync();
    failpoint('checkpoint.after-sync');
    settledLsn = lsn;
    // One under way has the M of before.
    await storing?.catch(() => undefined);
    await store();
  };

  return {
    consider: () => {
      if (isClosed || storing !== undefined || writer.bytesWritten - bytesAtLast < options.checkpointBytes) return;
      if (clock.monotonicMs() < notBeforeMs) return;
      const isSettled = writer.bytesWritten - bytesAtSettle < CHECKPOINTS_A_SETTLE * options.checkpointBytes;
      if (settling !== undefined || isSettled) {
        store().catch(onError);
        return;
      }
      const bytesBefore = bytesAtSettle;
      settling = settle()
        .catch((error: unknown) => {
          bytesAtSettle = bytesBefore;
          onError(error);
        })
        .finally(() => {
          settling = undefined;
        });
    },
    close: async () => {
      isClosed = true;
      materialiser.stopDraining();
      await settling;
      await storing?.catch(() => undefined);
    },
  };
}
