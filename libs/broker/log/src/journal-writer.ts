// Writes frames to the journal's newest segment.
//
// Guarantees: a frame that `write` resolved for is whole in the file; after a refusal (STORAGE_FULL) the file ends
// where it ended before, so no torn frame is ever followed by another. A segment's header and name are durable, and
// the segment before it is, before its first frame is written. After STORAGE_FAILED nothing may be called but
// `close`. Does not retry a failed fdatasync: what it had to save may be gone while a second call succeeds.
//
// One caller at a time: `write` and `sync` must not overlap, except that `sync` may run beside nothing but reads.

import { PulsesError } from '@pulses/shared-errors';
import { failpoint } from '@pulses/shared-failpoints';
import type { Clock, FileHandle, FileSystem } from '@pulses/shared-ports';
import type { Arena } from './arena';
import type { Entry } from './entries';
import { encodeFrame } from './frame';
import { writeAll } from './full-io';
import type { FramePlace } from './journal-reader';
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES, seedOf, segmentName } from './journal-segment';
import { isFull, isOutOfDescriptors, storageFailed, systemCode } from './storage-errors';

/** Where the journal goes on. */
export interface JournalEnd {
  readonly logId: Uint8Array;
  /** LSN of the last frame. */
  readonly lsn: number;
  /** CRC of the last frame; 0 when there is none. */
  readonly crc: number;
  readonly firstLsn: number;
  /** Bytes of the segment that starts at `firstLsn`. */
  readonly length: number;
}

export interface WrittenFrame {
  readonly place: FramePlace;
  /** Where its payloads start in the frame. */
  readonly payloadsAt: number;
}

export interface JournalWriter {
  /** @throws PulsesError STORAGE_FULL (nothing changed), STORAGE_FAILED */
  write(timestampMs: number, entries: readonly Entry[]): Promise<WrittenFrame>;
  /** Makes every written frame durable. @throws PulsesError STORAGE_FAILED */
  sync(): Promise<void>;
  /** LSN up to which frames are durable. */
  readonly syncedUpTo: number;
  readonly lsn: number;
  /** CRC of the last frame. */
  readonly crc: number;
  /** First LSN of the segment in use. */
  readonly segmentFirstLsn: number;
  /** Bytes written to segments since the start. */
  readonly bytesWritten: number;
  close(): Promise<void>;
}

export interface JournalWriterOptions {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  /** Directory of the segments. */
  readonly directory: string;
  readonly segmentBytesMax: number;
  readonly arena: Arena;
  readonly onSync: (seconds: number) => void;
}

/** @param handle the segment of `end`, open for writing */
export function createJournalWriter(options: JournalWriterOptions, end: JournalEnd, handle: FileHandle): JournalWriter {
  const { fileSystem, clock, directory, segmentBytesMax, arena } = options;
  const seed = seedOf(end.logId);
  let file = handle;
  let { lsn, crc, firstLsn, length } = end;
  let syncedUpTo = end.lsn;
  let bytesWritten = 0;

  const sync = async (): Promise<void> => {
    if (syncedUpTo === lsn) return;
    const upTo = lsn;
    const startMs = clock.monotonicMs();
    try {
      await file.datasync();
    } catch (error) {
      throw storageFailed(`fdatasync of ${segmentName(firstLsn)} failed`, error);
    }
    failpoint('journal.after-sync');
    syncedUpTo = upTo;
    options.onSync((clock.monotonicMs() - startMs) / 1000);
  };

  /**
   * Stays with the old segment when there is no room or descriptor for a new one. The name comes first: once the header
   * is there, the segment counts, and frames in the old one behind it would not.
   */
  const roll = async (): Promise<void> => {
    await sync();
    const path = `${directory}/${segmentName(lsn + 1)}`;
    const header = encodeSegmentHeader({ logId: end.logId, firstLsn: lsn + 1, previousCrc: crc });
    let next: FileHandle | undefined;
    try {
      next = await createOrReset(fileSystem, path);
      failpoint('journal.roll.after-name');
      await fileSystem.syncDirectory(directory);
      await writeAll(next, [header], 0);
      failpoint('journal.roll.after-header');
    } catch (error) {
      await dropFile(fileSystem, path, next);
      if (isFull(error) || isOutOfDescriptors(error)) return;
      throw storageFailed(`${path} could not be made`, error);
    }
    try {
      await next.datasync();
    } catch (error) {
      await next.close().catch(() => undefined);
      throw storageFailed(`${path} could not be synchronised`, error);
    }
    failpoint('journal.roll.after-sync');
    const previous = file;
    file = next;
    firstLsn = lsn + 1;
    length = SEGMENT_HEADER_BYTES;
    await previous.close();
  };

  const takeBack = async (error: unknown): Promise<never> => {
    if (!isFull(error)) throw storageFailed(`${segmentName(firstLsn)} could not be written`, error);
    try {
      await file.truncate(length);
    } catch (truncateError) {
      throw storageFailed(`${segmentName(firstLsn)} could not be cut after a full disk`, truncateError);
    }
    throw new PulsesError('STORAGE_FULL', undefined, { cause: error });
  };

  return {
    get syncedUpTo() {
      return syncedUpTo;
    },
    get lsn() {
      return lsn;
    },
    get crc() {
      return crc;
    },
    get segmentFirstLsn() {
      return firstLsn;
    },
    get bytesWritten() {
      return bytesWritten;
    },
    sync,
    write: async (timestampMs, entries) => {
      if (length >= segmentBytesMax) await roll();
      const frame = encodeFrame({ lsn: lsn + 1, syncedUpTo, timestampMs, previousCrc: crc, seed }, entries, arena);
      failpoint('journal.before-write');
      try {
        await writeAll(file, [frame.bytes], length);
      } catch (error) {
        return await takeBack(error);
      }
      failpoint('journal.after-write');
      lsn += 1;
      const place = { lsn, segmentFirstLsn: firstLsn, position: length, length: frame.bytes.length };
      crc = frame.crc;
      length += frame.bytes.length;
      bytesWritten += frame.bytes.length;
      return { place, payloadsAt: frame.payloadsAt };
    },
    close: () => file.close(),
  };
}

/** The file may be there already, from an attempt that found no room. */
export async function createOrReset(fileSystem: FileSystem, path: string): Promise<FileHandle> {
  try {
    return await fileSystem.open(path, 'create');
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
  }
  const handle = await fileSystem.open(path, 'write');
  try {
    await handle.truncate(0);
  } catch (error) {
    await handle.close();
    throw error;
  }
  return handle;
}

/** Best effort: what stays behind has no whole header and is passed over on start. */
async function dropFile(fileSystem: FileSystem, path: string, handle: FileHandle | undefined): Promise<void> {
  await handle?.close().catch(() => undefined);
  if (handle !== undefined) await fileSystem.remove(path).catch(() => undefined);
}
