// Writes frames to the journal's newest segment.
//
// Guarantees: frames that `write` resolved for are whole in the file; after a refusal (STORAGE_FULL) the file ends where
// it ended before, so no torn frame is ever followed by another. A segment's header and name are durable, and the segment
// before it is, before its first frame is written. After STORAGE_FAILED nothing may be called but `close`. Does not retry a
// failed fdatasync: what it had to save may be gone while a second call succeeds. Written through, `write` resolves once the
// frames are durable; else `sync` makes them so.
//
// One caller at a time: `prepare`, then `add` for each frame, then `write`.

import { PulsesError } from '@pulses/shared-errors';
import { failpoint } from '@pulses/shared-failpoints';
import type { Clock, FileHandle, FileSystem } from '@pulses/shared-ports';
import { crc32 } from 'node:zlib';
import { isFull, isOutOfDescriptors, storageFailed } from '../disk/disk-errors';
import { createOrReset, writeAll } from '../disk/full-io';
import type { Tail } from './tail';
import type { Entry } from './entries';
import { FRAME_HEADER_BYTES, frameLengthOf, ROW_BYTES, sealFrame } from './frame';
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES, segmentName, type LogIdentity } from './segment-header';
import { writeOverSpare, type SpareSegments } from './spare-segments';

/** More rows than these are copied at once. */
const LOOP_ROWS_MAX = 16;

/** Where the journal continues. */
export interface JournalEnd {
  readonly identity: LogIdentity;
  /** LSN of the last frame. */
  readonly lsn: number;
  /** CRC of the last frame; 0 when there is none. */
  readonly crc: number;
  readonly firstLsn: number;
  /** Bytes of the segment that starts at `firstLsn`. */
  readonly length: number;
}

/** What a frame is made of. The memory may be used again after `add`. */
export interface FrameContent {
  readonly timestampMs: number;
  /** A number for each row, and perhaps more. */
  readonly ids: Uint32Array;
  /** A number for each row. */
  readonly counts: Uint32Array;
  readonly lengths: Uint32Array;
  readonly entries: readonly Entry[];
  /** The entries as bytes. */
  readonly entryBytes: Uint8Array;
  readonly payload: Uint8Array;
  /** CRC of the payload, when it is known. */
  readonly payloadCrc: number | undefined;
}

/** A frame and where it lies. */
export interface PlacedFrame {
  readonly lsn: number;
  readonly timestampMs: number;
  readonly rows: number;
  readonly columns: Uint32Array;
  readonly entries: readonly Entry[];
  /** First LSN of its segment. */
  readonly segmentFirstLsn: number;
  /** Where its payload starts in the segment. */
  readonly payloadAt: number;
  readonly payloadLength: number;
  readonly payloadCrc: number;
  /** Where it ends in the segment. */
  readonly end: number;
}

export interface JournalOptions {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  /** Directory of the segments. */
  readonly directory: string;
  readonly segmentBytesMax: number;
  readonly tail: Tail;
  /** Segments that are used again; undefined when new ones are made. */
  readonly spares: SpareSegments | undefined;
  /** How segments are opened: with `write-through`, each write is synchronised by itself. */
  readonly openMode: 'write' | 'write-through';
  readonly onSync: (seconds: number) => void;
  /** A new segment was begun. */
  readonly onRoll: (firstLsn: number) => void;
}

export class Journal {
  readonly #options: JournalOptions;
  readonly identity: LogIdentity;
  #file: FileHandle;
  #firstLsn: number;
  /** The last frame that is written, and the length of the segment. */
  #written: Pick<JournalEnd, 'lsn' | 'crc' | 'length'>;
  /** The same with the frames that are not written yet. */
  #staged: Pick<JournalEnd, 'lsn' | 'crc' | 'length'>;
  #syncedUpTo: number;
  #isRollDue = false;

  /** @param file the segment of `end`, opened in the mode of the options */
  constructor(options: JournalOptions, end: JournalEnd, file: FileHandle) {
    this.#options = options;
    this.identity = end.identity;
    this.#file = file;
    this.#firstLsn = end.firstLsn;
    this.#written = end;
    this.#staged = end;
    this.#syncedUpTo = end.lsn;
  }

  get lsn(): number {
    return this.#written.lsn;
  }

  /** CRC of the last frame. */
  get crc(): number {
    return this.#written.crc;
  }

  /** Bytes of the frames that wait for `write`. */
  get stagedBytes(): number {
    return this.#staged.length - this.#written.length;
  }

  /** The segment in use is left before the next frame, however short. */
  rollSoon(): void {
    this.#isRollDue = true;
  }

  /** Begins a new segment when the one in use is full. @throws PulsesError STORAGE_FULL, STORAGE_FAILED */
  async prepare(): Promise<void> {
    const isEmpty = this.#written.lsn < this.#firstLsn;
    const isFullLength = this.#written.length >= this.#options.segmentBytesMax;
    if (!isEmpty && (isFullLength || this.#isRollDue)) await this.#roll();
    this.#isRollDue = false;
  }

  /** Makes the next frame in memory. */
  add(content: FrameContent): PlacedFrame {
    const { timestampMs, entryBytes, payload } = content;
    const rows = content.counts.length;
    const payloadLength = payload.length;
    const metaLength = rows * ROW_BYTES + entryBytes.length;
    const frameLength = frameLengthOf(metaLength, payloadLength);
    const { tail } = this.#options;
    const position = this.#staged.length;
    const slab = tail.take(this.#firstLsn, position, frameLength);
    const at = position - slab.from;
    const columns = putColumns(slab.bytes, at + FRAME_HEADER_BYTES, content);
    slab.bytes.set(entryBytes, at + FRAME_HEADER_BYTES + rows * ROW_BYTES);
    const payloadAt = at + FRAME_HEADER_BYTES + metaLength;
    (Buffer.prototype as Buffer).copy.call(payload, slab.bytes, payloadAt);
    const payloadCrc = content.payloadCrc ?? crc32(slab.bytes.subarray(payloadAt, payloadAt + payloadLength));
    const lsn = this.#staged.lsn + 1;
    const header = { metaLength, payloadLength, rows, lsn, timestampMs, payloadCrc, previousCrc: this.#staged.crc };
    const syncedUpTo = this.#syncedUpTo;
    const crc = sealFrame(slab.bytes, slab.view, at, { ...header, syncedUpTo }, this.identity.seed);
    this.#staged = { lsn, crc, length: position + frameLength };
    return {
      lsn,
      timestampMs,
      rows,
      columns,
      entries: content.entries,
      segmentFirstLsn: this.#firstLsn,
      payloadAt: slab.from + payloadAt,
      payloadLength,
      payloadCrc,
      end: position + frameLength,
    };
  }

  /** Writes the frames that were added. @throws PulsesError STORAGE_FULL (nothing changed), STORAGE_FAILED */
  async write(): Promise<void> {
    failpoint('journal.before-write');
    const startMs = this.#options.clock.monotonicMs();
    try {
      await writeAll(this.#file, this.#options.tail.buffersFrom(this.#written.length), this.#written.length);
    } catch (error) {
      await this.#takeBack(error);
    }
    failpoint('journal.after-write');
    this.#written = this.#staged;
    if (this.#options.openMode === 'write-through') this.#synced(this.#written.lsn, startMs);
  }

  /** Makes every written frame durable. @throws PulsesError STORAGE_FAILED */
  async sync(): Promise<void> {
    if (this.#syncedUpTo === this.#written.lsn) return;
    const upTo = this.#written.lsn;
    const startMs = this.#options.clock.monotonicMs();
    try {
      await this.#file.datasync();
    } catch (error) {
      throw storageFailed(`fdatasync of ${segmentName(this.#firstLsn)} failed`, error);
    }
    this.#synced(upTo, startMs);
  }

  /**
   * Clears the place of the next frame, after a sync. A segment that is used again holds older frames there, and a start
   * would take a part of one for a torn frame. Best effort: nothing is lost where it fails.
   */
  async clearNext(): Promise<void> {
    try {
      const rest = Math.min((await this.#file.size()) - this.#written.length, FRAME_HEADER_BYTES);
      if (rest > 0) await writeAll(this.#file, [new Uint8Array(rest)], this.#written.length);
    } catch {
      // The next start then warns of a torn frame, and drops what is none.
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  #synced(lsn: number, startMs: number): void {
    failpoint('journal.after-sync');
    this.#syncedUpTo = lsn;
    this.#options.onSync((this.#options.clock.monotonicMs() - startMs) / 1000);
  }

  /** A file under the name of the next segment, which says that it holds no frame. */
  async #nextFile(path: string, spare: string | undefined): Promise<FileHandle> {
    const { fileSystem, openMode } = this.#options;
    if (spare === undefined) await (await createOrReset(fileSystem, path)).close();
    else await fileSystem.rename(spare, path);
    return await fileSystem.open(path, openMode);
  }

  /** @throws PulsesError STORAGE_FULL, STORAGE_FAILED */
  async #takeBack(error: unknown): Promise<never> {
    const name = segmentName(this.#firstLsn);
    if (!isFull(error)) throw storageFailed(`${name} could not be written`, error);
    try {
      await this.#file.truncate(this.#written.length);
      // The first of the frames may be whole on the disk: they were refused, and must not come back.
      await this.#file.datasync();
    } catch (truncateError) {
      throw storageFailed(`${name} could not be cut after a full disk`, truncateError);
    }
    this.#options.tail.takeBack(this.#written.length);
    this.#staged = this.#written;
    throw new PulsesError('STORAGE_FULL', undefined, { cause: error });
  }

  /**
   * Stays with the old segment when there is no room or descriptor for a new one, up to twice its length: it has to be
   * sealed in memory. The name comes first: once the header is there, the segment counts, and frames in the old one behind
   * it would not.
   * @throws PulsesError STORAGE_FULL, STORAGE_FAILED
   */
  async #roll(): Promise<void> {
    await this.sync();
    const { fileSystem, directory, spares } = this.#options;
    const spare = spares?.take();
    const firstLsn = this.#written.lsn + 1;
    const path = `${directory}/${segmentName(firstLsn)}`;
    const header = encodeSegmentHeader({ ...this.identity, firstLsn, previousCrc: this.#written.crc });
    let next: FileHandle | undefined;
    try {
      next = await this.#nextFile(path, spare);
      failpoint('journal.roll.after-name');
      await fileSystem.syncDirectory(directory);
      if (spare === undefined) await writeAll(next, [header], 0);
      else await writeOverSpare(next, header);
      failpoint('journal.roll.after-header');
    } catch (error) {
      await dropFile(fileSystem, path, next);
      if (isFull(error) || isOutOfDescriptors(error)) {
        if (this.#written.length < 2 * this.#options.segmentBytesMax) return;
        throw new PulsesError('STORAGE_FULL', undefined, { cause: error });
      }
      throw storageFailed(`${path} could not be made`, error);
    }
    try {
      await next.datasync();
    } catch (error) {
      await next.close().catch(() => undefined);
      throw storageFailed(`${path} could not be synchronised`, error);
    }
    failpoint('journal.roll.after-sync');
    const previous = this.#file;
    this.#file = next;
    this.#firstLsn = firstLsn;
    this.#written = { ...this.#written, length: SEGMENT_HEADER_BYTES };
    this.#staged = this.#written;
    this.#options.onRoll(firstLsn);
    await previous.close();
  }
}

/** The columns, in place. `at` is a multiple of 8. */
function putColumns(bytes: Buffer, at: number, { ids, counts, lengths }: FrameContent): Uint32Array {
  const rows = counts.length;
  const columns = new Uint32Array(bytes.buffer, at, rows * 3);
  if (rows > LOOP_ROWS_MAX) {
    columns.set(ids.subarray(0, rows));
    columns.set(counts, rows);
    columns.set(lengths, 2 * rows);
    return columns;
  }
  for (let row = 0; row < rows; row += 1) {
    columns[row] = ids[row]!; // as many as rows
    columns[rows + row] = counts[row]!;
    columns[2 * rows + row] = lengths[row]!;
  }
  return columns;
}

/** Best effort: what stays behind has no whole header and is passed over on start. */
async function dropFile(fileSystem: FileSystem, path: string, handle: FileHandle | undefined): Promise<void> {
  await handle?.close().catch(() => undefined);
  await fileSystem.remove(path).catch(() => undefined);
}
