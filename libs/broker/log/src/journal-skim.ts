// Reads which messages lie where in frames of the journal, and not the messages.
//
// For frames that were durable once: anything that is not as it should be is damage. A frame's header is checked against
// its CRC and follows on the one before. Its body is checked only when that is asked for, which takes as long as reading
// all of it; else who reads a message out of it has to do that.

import type { FileSystem } from '@pulses/shared-ports';
import type { Entry } from './entries';
import { checkFrame, FRAME_HEADER_BYTES, readEntries, readHeader } from './frame';
import type { FramePlace } from './journal-reader';
import { listSegments, type SegmentFile } from './journal-scan';
import { SEGMENT_HEADER_BYTES, seedOf } from './journal-segment';
import { createWindowReader } from './journal-window';
import { corrupt } from './storage-errors';

/** More than the header and entries of most frames. */
const PIECE_BYTES = 256 * 1024;

export interface SkimmedFrame {
  readonly place: FramePlace;
  readonly timestampMs: number;
  /** The payload of each append starts at `start` of the frame; `bytes` is empty. None when `isThorough`. */
  readonly entries: readonly Entry[];
}

export interface JournalSkimOptions {
  readonly fileSystem: FileSystem;
  /** The data directory, for messages. */
  readonly dataDirectory: string;
  readonly directory: string;
  /** The frames behind this one are visited. */
  readonly afterLsn: number;
  /** The last one. */
  readonly lastLsn: number;
  /** True when each frame is to be read and checked as a whole. */
  readonly isThorough: boolean;
  visit(frame: SkimmedFrame): Promise<void> | void;
}

/** @throws PulsesError JOURNAL_CORRUPT; the port's error when a file cannot be read */
export async function skimJournal(options: JournalSkimOptions): Promise<void> {
  const { afterLsn, lastLsn } = options;
  if (afterLsn >= lastLsn) return;
  const { segments } = await listSegments(options);
  for (const [index, segment] of segments.entries()) {
    // A segment ends where the next one starts: recovery may have copied its last frames there.
    const endLsn = Math.min(lastLsn, (segments[index + 1]?.header.firstLsn ?? Infinity) - 1);
    if (endLsn > afterLsn) await skimSegment(options, segment, endLsn);
  }
}

/** Checks the frame and decodes nothing: whoever skimmed it before has done that. Undefined when it is not valid. */
function noneWhenWhole(bytes: Uint8Array, at: number, seed: number): readonly Entry[] | undefined {
  return checkFrame(bytes, at, seed) === undefined ? undefined : [];
}

async function skimSegment(options: JournalSkimOptions, segment: SegmentFile, endLsn: number): Promise<void> {
  const { fileSystem, dataDirectory, afterLsn, isThorough, visit } = options;
  const { logId, firstLsn, previousCrc } = segment.header;
  const seed = seedOf(logId);
  const handle = await fileSystem.open(segment.path, 'read');
  try {
    const reader = createWindowReader(handle, segment.length, {
      pieceBytes: isThorough ? undefined : PIECE_BYTES,
      isReused: true,
    });
    let position = SEGMENT_HEADER_BYTES;
    let crc = previousCrc;
    for (let lsn = firstLsn; lsn <= endLsn; lsn += 1) {
      const head = await reader.view(position, FRAME_HEADER_BYTES);
      const header = readHeader(head.bytes, head.at, seed);
      if (header?.lsn !== lsn || header.previousCrc !== crc) {
        throw corrupt(dataDirectory, segment.path, position, `frame ${lsn} is not valid`);
      }
      if (lsn > afterLsn) {
        const length = isThorough ? header.frameLength : FRAME_HEADER_BYTES + header.entriesLength;
        const { bytes, at } = await reader.view(position, length);
        const entries = isThorough ? noneWhenWhole(bytes, at, seed) : readEntries(bytes, at, header);
        if (entries === undefined) throw corrupt(dataDirectory, segment.path, position, `frame ${lsn} is not valid`);
        const place = { lsn, segmentFirstLsn: firstLsn, position, length: header.frameLength };
        await visit({ place, timestampMs: header.timestampMs, entries });
      }
      position += header.frameLength;
      crc = header.crc;
    }
  } finally {
    await handle.close();
  }
}
