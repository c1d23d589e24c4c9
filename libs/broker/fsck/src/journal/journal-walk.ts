// Reads a journal front to back and continues behind damage, which the log's own scan must not.
//
// Guarantees: a frame is given only when its header, columns and entries are valid and its LSN follows; whether its payload
// is valid is told with it. Frames that are missing in between are a hole. What is a torn end and what is damage is decided
// by the rule of recovery: nothing shows that the bad frame was durable once. Bounds: one window of the file, or one frame,
// and columns and entries of all frames.

import {
  createWindowReader,
  FRAME_HEADER_BYTES,
  FRAME_MAGIC,
  readHeader,
  SEGMENT_HEADER_BYTES,
  type Entry,
  type FrameHeader,
  type LogIdentity,
  type WindowReader,
} from '@pulses/broker-segment-log';
import { follows, frameAt } from './frame-reader';
import { listSegments, type SegmentFile, type SegmentsOptions } from './journal-segments';
import type { Finding } from '../report';

const MAGIC_BYTES = Uint8Array.of(
  FRAME_MAGIC & 0xff,
  (FRAME_MAGIC >> 8) & 0xff,
  (FRAME_MAGIC >> 16) & 0xff,
  FRAME_MAGIC >> 24,
);
const SEARCH_BYTES = 1024 * 1024;

export interface WalkedFrame {
  readonly lsn: number;
  readonly timestampMs: number;
  readonly rows: number;
  /** Ids, then counts, then lengths. */
  readonly columns: Uint32Array;
  readonly entries: readonly Entry[];
  /** The segment. */
  readonly path: string;
  /** Where the payload starts in it. */
  readonly payloadAt: number;
  /** CRC of the header, and what it says of the frame before. */
  readonly crc: number;
  readonly previousCrc: number;
  /** Set when the payload is not what was written: its messages are lost here. */
  readonly finding: Finding | undefined;
}

/** Frames `[fromLsn, toLsn]` that are not there. */
export interface JournalHole {
  readonly fromLsn: number;
  readonly toLsn: number;
  readonly finding: Finding;
}

export interface JournalWalkOptions extends SegmentsOptions {
  /** Frames from this one on have to be there. */
  readonly neededLsn: number;
  /** Frames up to this one were durable, says another file. */
  readonly attestedLsn: number;
  /** The log was stopped cleanly behind this frame: what follows it is of the segment's use before. */
  readonly stoppedLsn: number | undefined;
  readonly onBytes: (count: number) => void;
}

export interface JournalWalk {
  readonly identity: LogIdentity | undefined;
  readonly segments: number;
  readonly frames: readonly WalkedFrame[];
  readonly holes: readonly JournalHole[];
  /** LSN of the first frame that the oldest segment may hold; undefined when there is none. */
  readonly firstLsn: number | undefined;
  /** No frame that ever was durable has a higher LSN, as far as anything shows. */
  readonly highestLsn: number;
  readonly tornBytes: number;
}

/** @throws the port's error */
export async function walkJournal(options: JournalWalkOptions): Promise<JournalWalk> {
  const { segments, identity } = await listSegments(options);
  return await new Walk(options, identity).run(segments);
}

class Walk {
  readonly #options: JournalWalkOptions;
  readonly #identity: LogIdentity | undefined;
  readonly #seed: number;
  readonly #frames: WalkedFrame[] = [];
  readonly #holes: JournalHole[] = [];
  /** CRC undefined: not known, behind damage. */
  #last: { readonly lsn: number; readonly crc: number | undefined };
  #highestLsn: number;
  #tornBytes = 0;

  constructor(options: JournalWalkOptions, identity: LogIdentity | undefined) {
    this.#options = options;
    this.#identity = identity;
    this.#seed = identity?.seed ?? 0;
    this.#last = { lsn: options.neededLsn - 1, crc: undefined };
    this.#highestLsn = options.attestedLsn;
  }

  async run(segments: readonly SegmentFile[]): Promise<JournalWalk> {
    const { directory, attestedLsn, neededLsn } = this.#options;
    const firstLsn = segments[0]?.firstLsn;
    // An older segment than needed is read too: nothing but its own frames tells that it is sound.
    if (firstLsn !== undefined && firstLsn < neededLsn) this.#last = { lsn: firstLsn - 1, crc: undefined };
    for (const [index, segment] of segments.entries()) {
      this.#checkFollows(segment, index === 0);
      await this.#walkSegment(segment, segments[index + 1]);
    }
    if (firstLsn === undefined && attestedLsn >= neededLsn) {
      this.#hole(attestedLsn, directory, 0, `no segment holds the frames ${neededLsn} to ${attestedLsn}`);
    }
    return {
      identity: this.#identity,
      segments: segments.length,
      frames: this.#frames,
      holes: this.#holes,
      firstLsn,
      highestLsn: Math.max(this.#highestLsn, segments.length === 0 ? 0 : this.#last.lsn),
      tornBytes: this.#tornBytes,
    };
  }

  #checkFollows({ firstLsn, previousCrc, path }: SegmentFile, isFirst: boolean): void {
    const { lsn, crc } = this.#last;
    if (firstLsn > lsn + 1) {
      this.#hole(firstLsn - 1, path, 0, `the frames ${lsn + 1} to ${firstLsn - 1} before it are missing`);
    } else if (!isFirst && previousCrc !== undefined && crc !== undefined && previousCrc !== crc) {
      this.#options.list.add('damage', path, 0, `the segment does not follow on frame ${lsn}`);
    }
    this.#last = { lsn: firstLsn - 1, crc: previousCrc };
  }

  /** Frames up to `toLsn` are lost. */
  #hole(toLsn: number, path: string, byteOffset: number, what: string): void {
    const finding = this.#options.list.add('damage', path, byteOffset, what);
    const fromLsn = this.#last.lsn + 1;
    // A frame that follows on another one than it should, or bytes between two frames, leave none out.
    if (toLsn >= fromLsn) this.#holes.push({ fromLsn, toLsn, finding });
    this.#highestLsn = Math.max(this.#highestLsn, toLsn);
  }

  async #walkSegment(segment: SegmentFile, next: SegmentFile | undefined): Promise<void> {
    const { fileSystem, attestedLsn, neededLsn, onBytes } = this.#options;
    const { path, length } = segment;
    const untilLsn = next === undefined ? Infinity : next.firstLsn - 1;
    const handle = await fileSystem.open(path, 'read');
    onBytes(length);
    try {
      const reader = createWindowReader(handle, length);
      let position = SEGMENT_HEADER_BYTES;
      while (this.#last.lsn < untilLsn && position < length) {
        const after = await this.#step(segment, next, reader, position);
        if (after === undefined) return;
        position = after;
      }
      const endLsn = next === undefined ? attestedLsn : untilLsn;
      if (this.#last.lsn >= endLsn) return;
      if (position === length && untilLsn < neededLsn) {
        // It was removed, as those behind it, and is back after a power cut.
        this.#last = { lsn: untilLsn, crc: undefined };
        return;
      }
      const why = next === undefined ? `frames up to ${endLsn} were durable` : 'later ones are';
      this.#hole(endLsn, path, position, `frame ${this.#last.lsn + 1} is not there, and ${why}`);
      this.#last = { lsn: endLsn, crc: undefined };
    } finally {
      await handle.close();
    }
  }

  /** Takes one frame. @returns where the next one is; undefined when the segment is over */
  async #step(
    segment: SegmentFile,
    next: SegmentFile | undefined,
    reader: WindowReader,
    position: number,
  ): Promise<number | undefined> {
    const { path } = segment;
    const read = await frameAt(reader, position, this.#seed, this.#last);
    if (read === undefined || !follows(read.header, this.#last))
      return await this.#passBadFrame(segment, next, reader, position);
    const { header, columns, entries } = read;
    let finding: Finding | undefined;
    if (read.damage !== undefined) {
      const proof = await this.#proofOf(segment, next, reader, position);
      if (proof === undefined) return this.#tornEnd(segment, position);
      const what = `${read.damage} of frame ${header.lsn} is not valid, and ${proof.why}`;
      finding = this.#options.list.add('damage', path, position, what);
    }
    const { timestampMs, rows, previousCrc } = header;
    const payloadAt = position + FRAME_HEADER_BYTES + header.metaLength;
    const lost = read.isPayloadSound ? undefined : finding;
    const frame = { lsn: header.lsn, timestampMs, rows, columns, entries, path, payloadAt, previousCrc };
    this.#frames.push({ ...frame, crc: header.crc, finding: lost });
    this.#last = { lsn: header.lsn, crc: header.crc };
    return position + header.frameLength;
  }

  /** What shows that the frame at `position` was durable once, and up to which LSN there were frames. */
  async #proofOf(
    { length }: SegmentFile,
    next: SegmentFile | undefined,
    reader: WindowReader,
    position: number,
  ): Promise<{ why: string; lsn: number } | undefined> {
    const lost = this.#last.lsn + 1;
    const { attestedLsn } = this.#options;
    if (next !== undefined) return { why: 'later ones are', lsn: next.firstLsn - 1 };
    if (lost <= attestedLsn) return { why: `frames up to ${attestedLsn} were durable`, lsn: attestedLsn };
    const isWitness = ({ lsn, syncedUpTo }: FrameHeader): boolean => lsn > lost && syncedUpTo >= lost;
    const later = await findHeader(reader, position, length, this.#seed, isWitness);
    if (later === undefined) return undefined;
    return { why: `frame ${later.header.lsn} behind it says that it was durable`, lsn: later.header.lsn };
  }

  /** The journal is over. What follows is torn, or of the segment's use before. */
  #tornEnd({ path, length }: SegmentFile, position: number): undefined {
    if (this.#last.lsn === this.#options.stoppedLsn) return undefined;
    const what = `the journal ends in a torn frame of ${length - position} bytes, never acknowledged; a start leaves it out`;
    this.#options.list.add('note', path, position, what);
    this.#tornBytes = length - position;
    return undefined;
  }

  /** Tells what the bad frame at `position` means. @returns where the next good one is; undefined when the segment is over */
  async #passBadFrame(
    segment: SegmentFile,
    next: SegmentFile | undefined,
    reader: WindowReader,
    position: number,
  ): Promise<number | undefined> {
    const { path, length } = segment;
    const lost = this.#last.lsn + 1;
    const untilLsn = next === undefined ? Infinity : next.firstLsn - 1;
    const proof = await this.#proofOf(segment, next, reader, position);
    if (proof === undefined) {
      if (await isUnusedAt(reader, position, lost, this.#seed)) return undefined;
      return this.#tornEnd(segment, position);
    }
    const good = await this.#findFrame(reader, position, length, lost, untilLsn);
    const toLsn = good === undefined ? proof.lsn : good.lsn - 1;
    this.#hole(toLsn, path, position, `frame ${lost} is not valid, and ${proof.why}`);
    this.#last = { lsn: toLsn, crc: undefined };
    return good?.position;
  }

  /** The first readable frame from `position` on with an LSN in `[fromLsn, untilLsn]`. */
  async #findFrame(
    reader: WindowReader,
    position: number,
    length: number,
    fromLsn: number,
    untilLsn: number,
  ): Promise<{ lsn: number; position: number } | undefined> {
    const isWanted = ({ lsn }: FrameHeader): boolean => lsn >= fromLsn && lsn <= untilLsn;
    for (let from = position; ;) {
      const found = await findHeader(reader, from, length, this.#seed, isWanted);
      if (found === undefined) return undefined;
      const read = await frameAt(reader, found.position, this.#seed);
      if (read !== undefined) return { lsn: read.header.lsn, position: found.position };
      from = found.position + 1;
    }
  }
}

/** Whether nothing was written at the end of the journal: zeros, or a frame of the segment's use before. */
async function isUnusedAt(reader: WindowReader, position: number, lost: number, seed: number): Promise<boolean> {
  const { bytes, at } = await reader.view(position, FRAME_HEADER_BYTES);
  const head = bytes.subarray(at, at + FRAME_HEADER_BYTES);
  return head.every((byte) => byte === 0) || (readHeader(bytes, at, seed)?.lsn ?? lost) < lost;
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
