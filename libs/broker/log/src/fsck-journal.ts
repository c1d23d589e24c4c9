// Reads a journal front to back and goes on behind damage, which journal-scan.ts must not.
//
// Guarantees: a frame is visited only when its CRC is right and its LSN follows; frames that are missing in between
// are a hole, told before the next frame. What is a torn end and what is damage is decided by the rule of recovery:
// nothing shows that the bad frame was durable once. Bounds: one window of the file, or one frame.

import type { FileHandle, FileSystem } from '@pulses/shared-ports';
import type { Finding, FindingList } from './fsck-report';
import { FRAME_HEADER_BYTES, FRAME_MAGIC, readFrame, readHeader, type Frame, type FrameHeader } from './frame';
import { readUpTo } from './full-io';
import { decodeSegmentHeader, firstLsnOf, SEGMENT_HEADER_BYTES, seedOf } from './journal-segment';
import { createWindowReader, type WindowReader } from './journal-window';

const MAGIC_BYTES = Uint8Array.of(
  FRAME_MAGIC & 0xff,
  (FRAME_MAGIC >> 8) & 0xff,
  (FRAME_MAGIC >> 16) & 0xff,
  FRAME_MAGIC >> 24,
);
const SEARCH_BYTES = 1024 * 1024;

export interface WalkedFrame {
  readonly frame: Frame;
  readonly path: string;
  readonly position: number;
}

/** Frames `[fromLsn, toLsn]` that are not there. */
export interface JournalHole {
  readonly fromLsn: number;
  readonly toLsn: number;
  readonly finding: Finding;
}

export interface JournalWalkOptions {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  /** From a checkpoint, when one is valid: segments whose header is damaged can be read with it. */
  readonly logId: Uint8Array | undefined;
  /** Frames from this one on have to be there. */
  readonly neededLsn: number;
  /** Frames up to this one were durable, says another file. */
  readonly attestedLsn: number;
  readonly list: FindingList;
  readonly visit: (walked: WalkedFrame) => Promise<void> | void;
  readonly onHole: (hole: JournalHole) => Promise<void> | void;
  readonly onBytes: (count: number) => void;
}

export interface JournalWalk {
  readonly logId: Uint8Array | undefined;
  readonly segments: number;
  readonly frames: number;
  /** The last frame that was visited; 0 when there is none. */
  readonly lastLsn: number;
  readonly lastCrc: number;
  /** No frame that ever was durable has a higher LSN, as far as anything shows. */
  readonly highestLsn: number;
  readonly tornBytes: number;
}

interface Segment {
  readonly path: string;
  readonly firstLsn: number;
  readonly length: number;
  /** Undefined when the header is damaged. */
  readonly previousCrc: number | undefined;
}

interface Walk {
  readonly options: JournalWalkOptions;
  readonly seed: number;
  /** CRC undefined: not known, behind damage. */
  last: { lsn: number; crc: number | undefined };
  frames: number;
  highestLsn: number;
  tornBytes: number;
}

export async function walkJournal(options: JournalWalkOptions): Promise<JournalWalk> {
  const { segments, logId } = await listSegments(options);
  const walk: Walk = {
    options,
    seed: logId === undefined ? 0 : seedOf(logId),
    last: { lsn: options.neededLsn - 1, crc: undefined },
    frames: 0,
    highestLsn: options.attestedLsn,
    tornBytes: 0,
  };
  const first = segments[0];
  // An older segment than needed is read too: nothing but its own frames tells that it is sound.
  if (first !== undefined && first.firstLsn < options.neededLsn)
    walk.last = { lsn: first.firstLsn - 1, crc: undefined };
  for (const [index, segment] of segments.entries()) {
    await checkFollows(walk, segment, index === 0);
    await walkSegment(walk, segment, segments[index + 1]);
  }
  const newest = segments.at(-1);
  if (newest === undefined && options.attestedLsn > 0) {
    await hole(walk, options.attestedLsn, options.directory, 0, `no segment holds frames up to ${options.attestedLsn}`);
  }
  const { lsn, crc = 0 } = walk.last;
  const { frames, tornBytes } = walk;
  return {
    logId,
    segments: segments.length,
    frames,
    lastLsn: frames === 0 && newest === undefined ? 0 : lsn,
    lastCrc: crc,
    highestLsn: Math.max(walk.highestLsn, lsn),
    tornBytes,
  };
}

async function checkFollows(walk: Walk, segment: Segment, isFirst: boolean): Promise<void> {
  const { last, options } = walk;
  const { firstLsn, previousCrc, path } = segment;
  if (firstLsn > last.lsn + 1) {
    await hole(walk, firstLsn - 1, path, 0, `the frames ${last.lsn + 1} to ${firstLsn - 1} before it are missing`);
  } else if (!isFirst && previousCrc !== undefined && last.crc !== undefined && previousCrc !== last.crc) {
    options.list.add('damage', path, 0, `the segment does not follow on frame ${last.lsn}`);
  }
  walk.last = { lsn: firstLsn - 1, crc: previousCrc };
}

/** Frames up to `toLsn` are lost. */
async function hole(walk: Walk, toLsn: number, path: string, byteOffset: number, what: string): Promise<void> {
  const finding = walk.options.list.add('damage', path, byteOffset, what);
  const fromLsn = walk.last.lsn + 1;
  // A frame that follows on another one than it should, or bytes between two frames, leave none out.
  if (toLsn >= fromLsn) await walk.options.onHole({ fromLsn, toLsn, finding });
  walk.highestLsn = Math.max(walk.highestLsn, toLsn);
}

async function walkSegment(walk: Walk, segment: Segment, next: Segment | undefined): Promise<void> {
  const { options } = walk;
  const untilLsn = next === undefined ? Infinity : next.firstLsn - 1;
  const handle = await options.fileSystem.open(segment.path, 'read');
  try {
    const reader = createWindowReader(handle, segment.length);
    let position = SEGMENT_HEADER_BYTES;
    options.onBytes(SEGMENT_HEADER_BYTES);
    while (walk.last.lsn < untilLsn && position < segment.length) {
      const frame = await frameAt(reader, position, walk.seed);
      const { lsn, crc } = walk.last;
      const follows = frame?.lsn === lsn + 1 && (crc === undefined || frame.previousCrc === crc);
      if (frame === undefined || !follows) {
        const resumed = await passBadFrame(walk, segment, next, reader, position);
        if (resumed === undefined) return;
        position = resumed;
        continue;
      }
      await options.visit({ frame, path: segment.path, position });
      walk.frames += 1;
      walk.last = { lsn: frame.lsn, crc: frame.crc };
      position += frame.frameLength;
      options.onBytes(frame.frameLength);
    }
    const endLsn = next === undefined ? options.attestedLsn : untilLsn;
    if (walk.last.lsn < endLsn) {
      const why = next === undefined ? `frames up to ${endLsn} were durable` : 'later ones are';
      await hole(walk, endLsn, segment.path, position, `frame ${walk.last.lsn + 1} is not there, and ${why}`);
      walk.last = { lsn: endLsn, crc: undefined };
    }
  } finally {
    await handle.close();
  }
}

/** Tells what the bad frame at `position` means. Returns where the next good one is; undefined when the segment is over. */
async function passBadFrame(
  walk: Walk,
  segment: Segment,
  next: Segment | undefined,
  reader: WindowReader,
  position: number,
): Promise<number | undefined> {
  const { options, last, seed } = walk;
  const { path, length } = segment;
  const lost = last.lsn + 1;
  const untilLsn = next === undefined ? Infinity : next.firstLsn - 1;
  const search = (isWanted: (header: FrameHeader) => boolean): ReturnType<typeof findHeader> =>
    findHeader(reader, position, length, seed, isWanted);

  let why = 'later ones are';
  let toLsn = untilLsn;
  if (next === undefined) {
    const later = await search(({ lsn, syncedUpTo }) => lsn > lost && syncedUpTo >= lost);
    if (lost > options.attestedLsn && later === undefined) {
      const what = `the journal ends in a torn frame of ${length - position} bytes, never acknowledged; a start leaves it out`;
      options.list.add('note', path, position, what);
      walk.tornBytes = length - position;
      return undefined;
    }
    why =
      later === undefined
        ? `frames up to ${options.attestedLsn} were durable`
        : `frame ${later.header.lsn} behind it says that it was durable`;
    toLsn = Math.max(options.attestedLsn, later?.header.lsn ?? 0);
  }
  const good = await findFrame(reader, position, length, seed, lost, untilLsn);
  const what = `frame ${lost} is not valid, and ${why}`;
  await hole(walk, good === undefined ? toLsn : good.frame.lsn - 1, path, position, what);
  walk.last = good === undefined ? { lsn: toLsn, crc: undefined } : { lsn: good.frame.lsn - 1, crc: undefined };
  return good?.position;
}

async function frameAt(reader: WindowReader, position: number, seed: number): Promise<Frame | undefined> {
  const head = await reader.view(position, FRAME_HEADER_BYTES);
  const length = readHeader(head.bytes, head.at, seed)?.frameLength;
  if (length === undefined) return undefined;
  const { bytes, at } = await reader.view(position, length);
  return readFrame(bytes, at, seed);
}

/** The first whole frame from `position` on with an LSN in `[fromLsn, untilLsn]`. */
async function findFrame(
  reader: WindowReader,
  position: number,
  length: number,
  seed: number,
  fromLsn: number,
  untilLsn: number,
): Promise<{ frame: Frame; position: number } | undefined> {
  const isWanted = ({ lsn }: FrameHeader): boolean => lsn >= fromLsn && lsn <= untilLsn;
  let found = await findHeader(reader, position, length, seed, isWanted);
  while (found !== undefined) {
    const frame = await frameAt(reader, found.position, seed);
    if (frame !== undefined) return { frame, position: found.position };
    found = await findHeader(reader, found.position + 1, length, seed, isWanted);
  }
  return undefined;
}

/** The first valid header from `position` on that is wanted. */
async function findHeader(
  reader: WindowReader,
  position: number,
  length: number,
  seed: number,
  isWanted: (header: FrameHeader) => boolean,
): Promise<{ header: FrameHeader; position: number } | undefined> {
  for (let from = position; from < length; from += SEARCH_BYTES) {
    const { bytes, at } = await reader.view(from, SEARCH_BYTES + FRAME_HEADER_BYTES);
    const end = Math.min(bytes.length, at + SEARCH_BYTES + FRAME_HEADER_BYTES);
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, end);
    let found = buffer.indexOf(MAGIC_BYTES, at);
    while (found !== -1) {
      const header = readHeader(bytes, found, seed);
      if (header !== undefined && isWanted(header)) return { header, position: from + found - at };
      found = buffer.indexOf(MAGIC_BYTES, found + 1);
    }
  }
  return undefined;
}

async function listSegments(
  options: JournalWalkOptions,
): Promise<{ segments: Segment[]; logId: Uint8Array | undefined }> {
  const { fileSystem, directory, list } = options;
  let { logId } = options;
  const segments: Segment[] = [];
  for (const name of (await fileSystem.list(directory)).sort()) {
    const firstLsn = firstLsnOf(name);
    if (firstLsn === undefined) continue;
    const path = `${directory}/${name}`;
    const handle = await fileSystem.open(path, 'read');
    try {
      const length = await handle.size();
      const header = await readSegmentHeader(handle);
      if (header === undefined && length <= SEGMENT_HEADER_BYTES) {
        list.add('note', path, 0, 'the segment was never used; a start removes it');
        continue;
      }
      const isValid = header?.firstLsn === firstLsn;
      if (!isValid) list.add('damage', path, 0, 'the header of the segment is not valid');
      if (isValid && logId !== undefined && Buffer.compare(logId, header.logId) !== 0) {
        list.add('damage', path, 16, 'the segment belongs to another log');
        continue;
      }
      if (isValid) logId ??= header.logId;
      segments.push({ path, firstLsn, length, previousCrc: isValid ? header.previousCrc : undefined });
    } finally {
      await handle.close();
    }
  }
  return { segments, logId };
}

async function readSegmentHeader(handle: FileHandle): Promise<ReturnType<typeof decodeSegmentHeader>> {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  return decodeSegmentHeader(bytes.subarray(0, await readUpTo(handle, bytes, 0)));
}
