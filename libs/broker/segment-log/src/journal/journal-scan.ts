// Reads the journal back: every frame in order, and the verdict on where it ends.
//
// Guarantees: a frame is visited only when it is whole, valid and follows on the one before. A bad frame is taken
// for the torn end of the journal, and dropped, only when nothing shows that it was durable once: no later segment,
// no valid frame behind it that was written after it was durable, no attestation. Everything else is JOURNAL_CORRUPT
// with file and byte. Does not survive (cannot see): damage to the last frame while nothing attests it.

import type { FileHandle, FileSystem } from '@pulses/shared-ports';
import { corrupt, ofAnotherRelease } from '../disk/disk-errors';
import { createWindowReader } from '../disk/file-window';
import { readUpTo, withFile } from '../disk/full-io';
import { CHECKPOINTS } from '../disk/names';
import { checkFrame, FRAME_HEADER_BYTES, FRAME_MAGIC, readHeader, type FrameHeader } from './frame';
import {
  decodeSegmentHeader,
  firstLsnOf,
  isFormat1,
  isSameLog,
  SEGMENT_HEADER_BYTES,
  type LogIdentity,
  type SegmentHeader,
} from './segment-header';
import { isSpareHeader } from './spare-segments';

export interface SegmentFile {
  readonly path: string;
  readonly name: string;
  readonly length: number;
  readonly header: SegmentHeader;
}

const MAGIC_BYTES = Uint8Array.of(
  FRAME_MAGIC & 0xff,
  (FRAME_MAGIC >> 8) & 0xff,
  (FRAME_MAGIC >> 16) & 0xff,
  FRAME_MAGIC >> 24,
);

/** A valid frame at `bytes[at]`, and where it lies. */
export interface ScannedFrame {
  readonly header: FrameHeader;
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly segment: SegmentFile;
  readonly position: number;
}

export interface FrameEnd {
  readonly lsn: number;
  readonly crc: number;
  /** Where the frame ends in its segment. */
  readonly end: number;
}

export interface JournalScan {
  readonly identity: LogIdentity | undefined;
  readonly segments: readonly SegmentFile[];
  /** Files of the journal's directory that hold nothing: segments that were never used. */
  readonly unused: readonly string[];
  /** The last frame, and where it ends in the last segment. */
  readonly last: FrameEnd;
  /** The last frame that is known to have been durable; at least the one before the last segment. */
  readonly attested: FrameEnd;
  /** Bytes behind the last frame. */
  readonly restBytes: number;
  /** Whether they begin with a frame that was not written as a whole. */
  readonly isTorn: boolean;
}

export interface JournalScanOptions {
  readonly fileSystem: FileSystem;
  /** The data directory, for messages. */
  readonly dataDirectory: string;
  readonly directory: string;
  /** Frames up to this LSN are checked when their segment is read, but not visited. */
  readonly afterLsn: number;
  /** Whether there is a checkpoint. */
  readonly isCheckpointed: boolean;
  /** Frames up to this LSN were durable, says another file. */
  readonly attestedLsn: number;
  /** Called for each segment that is read, before its frames. */
  begin(segment: SegmentFile): void;
  /** The bytes are valid until it returns. */
  visit(frame: ScannedFrame): void;
}

/** Progress within one segment. */
interface Cursor {
  /** The last frame read. */
  last: FrameEnd;
  /** The last frame that is known to have been durable. */
  attested: FrameEnd;
  /** Frames behind `attested`, in order. */
  loose: FrameEnd[];
}

/** @throws PulsesError JOURNAL_CORRUPT */
export async function scanJournal(options: JournalScanOptions): Promise<JournalScan> {
  const { dataDirectory, directory, afterLsn, attestedLsn } = options;
  const { segments, unused } = await listSegments(options);
  // A segment ends where the next one starts: recovery may have copied its last frames there.
  const needed = segments.filter((_, index) => (segments[index + 1]?.header.firstLsn ?? Infinity) > afterLsn + 1);
  const first = needed[0];
  const newest = needed.at(-1);
  if (first === undefined || newest === undefined) {
    if (attestedLsn > 0) {
      throw corrupt(
        dataDirectory,
        directory,
        0,
        `the journal is missing: no segment holds the frames up to ${attestedLsn}`,
      );
    }
    const none = { lsn: 0, crc: 0, end: 0 };
    return { identity: undefined, segments, unused, last: none, attested: none, restBytes: 0, isTorn: false };
  }
  if (first.header.firstLsn > afterLsn + 1) {
    if (!options.isCheckpointed) {
      const what = `the checkpoints are missing, and the journal begins at frame ${first.header.firstLsn}`;
      throw corrupt(dataDirectory, `${dataDirectory}/${CHECKPOINTS}`, 0, what);
    }
    throw corrupt(dataDirectory, first.path, 0, `the frames from ${afterLsn + 1} on are in a segment that is missing`);
  }
  let cursor = startOf(first);
  let isTorn = false;
  for (const [index, segment] of needed.entries()) {
    checkFollows(options, segment, cursor.last);
    cursor = startOf(segment);
    isTorn = await scanSegment(options, segment, needed[index + 1], cursor);
  }
  const { last, attested } = cursor;
  if (last.lsn < attestedLsn) {
    throw corrupt(dataDirectory, newest.path, last.end, `the journal ends at frame ${last.lsn} of ${attestedLsn}`);
  }
  return { identity: newest.header, segments, unused, last, attested, restBytes: newest.length - last.end, isTorn };
}

function startOf(segment: SegmentFile): Cursor {
  const { firstLsn, previousCrc } = segment.header;
  const before = { lsn: firstLsn - 1, crc: previousCrc, end: SEGMENT_HEADER_BYTES };
  return { last: before, attested: before, loose: [] };
}

function checkFollows(options: JournalScanOptions, segment: SegmentFile, before: FrameEnd): void {
  const { firstLsn, previousCrc } = segment.header;
  if (firstLsn === before.lsn + 1 && previousCrc === before.crc) return;
  throw corrupt(options.dataDirectory, segment.path, 0, `the segment does not follow on frame ${before.lsn}`);
}

/** True when it ends in a torn frame. */
async function scanSegment(
  options: JournalScanOptions,
  segment: SegmentFile,
  next: SegmentFile | undefined,
  cursor: Cursor,
): Promise<boolean> {
  const { seed } = segment.header;
  options.begin(segment);
  const untilLsn = next === undefined ? Infinity : next.header.firstLsn - 1;
  return await withFile(options.fileSystem, segment.path, 'read', async (handle) => {
    const reader = createWindowReader(handle, segment.length, { isReused: true });
    while (cursor.last.lsn < untilLsn && cursor.last.end < segment.length) {
      const position = cursor.last.end;
      const head = await reader.view(position, FRAME_HEADER_BYTES);
      const claimed = readHeader(head.bytes, head.at, seed)?.frameLength ?? 0;
      const { bytes, at } = await reader.view(position, claimed);
      const header = claimed === 0 ? undefined : checkFrame(bytes, at, seed);
      const { lsn, crc } = cursor.last;
      if (header === undefined || header.lsn !== lsn + 1 || header.previousCrc !== crc) break;
      cursor.last = { lsn: header.lsn, crc: header.crc, end: position + header.frameLength };
      cursor.loose.push(cursor.last);
      attest(cursor, Math.max(header.syncedUpTo, options.attestedLsn));
      if (header.lsn > options.afterLsn) options.visit({ header, bytes, at, segment, position });
    }
    const { lsn, end } = cursor.last;
    if (next !== undefined && lsn < untilLsn) {
      throw corrupt(options.dataDirectory, segment.path, end, `frame ${lsn + 1} is not there, and later ones are`);
    }
    return next === undefined && end < segment.length && (await isTornAfter(options, segment, handle, cursor));
  });
}

function attest(cursor: Cursor, upToLsn: number): void {
  while (cursor.loose.length > 0 && cursor.loose[0]!.lsn <= upToLsn) cursor.attested = cursor.loose.shift()!; // not empty
}

/**
 * Whether the bytes behind the last frame are a torn one; else they are of a segment's use before.
 * @throws PulsesError JOURNAL_CORRUPT when the bad frame at the end of the journal was durable once
 */
async function isTornAfter(
  options: JournalScanOptions,
  segment: SegmentFile,
  handle: FileHandle,
  { last }: Cursor,
): Promise<boolean> {
  const lost = last.lsn + 1;
  const { seed } = segment.header;
  const fail = (why: string): Error =>
    corrupt(options.dataDirectory, segment.path, last.end, `frame ${lost} is not valid, and ${why}`);
  if (lost <= options.attestedLsn) throw fail(`frames up to ${options.attestedLsn} were durable`);
  const rest = Buffer.allocUnsafeSlow(segment.length - last.end);
  const bytes = rest.subarray(0, await readUpTo(handle, rest, last.end));
  const later = findLaterFrame(bytes, lost, seed);
  if (later !== undefined) throw fail(`frame ${later.lsn} behind it says that it was durable`);
  const isUnused = bytes.subarray(0, FRAME_HEADER_BYTES).every((byte) => byte === 0);
  return !isUnused && (readHeader(bytes, 0, seed)?.lsn ?? lost) >= lost;
}

/** A valid frame in `bytes` that was written when `lostLsn` was durable. */
function findLaterFrame(bytes: Uint8Array, lostLsn: number, seed: number): FrameHeader | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = buffer.indexOf(MAGIC_BYTES);
  while (at !== -1) {
    // The header alone is evidence: its CRC cannot be right by accident.
    const header = readHeader(bytes, at, seed);
    if (header !== undefined && header.lsn > lostLsn && header.syncedUpTo >= lostLsn) return header;
    at = buffer.indexOf(MAGIC_BYTES, at + 1);
  }
  return undefined;
}

/** The segments of the journal, in order. @throws PulsesError JOURNAL_CORRUPT, CONFIG_INVALID */
async function listSegments(
  options: Pick<JournalScanOptions, 'fileSystem' | 'directory' | 'dataDirectory'>,
): Promise<{ segments: SegmentFile[]; unused: string[] }> {
  const { fileSystem, directory, dataDirectory } = options;
  const names = (await fileSystem.list(directory)).filter((name) => firstLsnOf(name) !== undefined).sort();
  const segments: SegmentFile[] = [];
  const unused: string[] = [];
  for (const name of names) {
    const path = `${directory}/${name}`;
    const { bytes, length } = await startOfFile(fileSystem, path);
    if (isFormat1(bytes)) throw ofAnotherRelease(dataDirectory, path, '1');
    const header = decodeSegmentHeader(bytes);
    if (header === undefined && (length <= SEGMENT_HEADER_BYTES || isSpareHeader(bytes))) {
      unused.push(path);
      continue;
    }
    if (header === undefined || header.firstLsn !== firstLsnOf(name)) {
      throw corrupt(dataDirectory, path, 0, 'the header of the segment is not valid');
    }
    const first = segments[0]?.header;
    if (first !== undefined && !isSameLog(first, header)) {
      throw corrupt(dataDirectory, path, 16, 'the segment belongs to another log');
    }
    segments.push({ path, name, length, header });
  }
  return { segments, unused };
}

async function startOfFile(fileSystem: FileSystem, path: string): Promise<{ bytes: Uint8Array; length: number }> {
  return await withFile(fileSystem, path, 'read', async (file) => {
    const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
    return { bytes: bytes.subarray(0, await readUpTo(file, bytes, 0)), length: await file.size() };
  });
}
