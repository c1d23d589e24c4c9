// Opens the journal: reads it back, and makes a fresh segment to go on in.
//
// Guarantees: what was acknowledged before is in the state afterwards, or the call fails. The frames that nothing
// attests are copied to the new segment and synchronised before they count: after a failed writeback the page cache
// can show bytes that are not on the disk. A torn end is left behind in the old segment, which ends where the new
// one starts. A crash at any point of this leaves a directory that opens the same way.

import type { Clock, FileHandle, FileSystem, Random } from '@pulses/shared-ports';
import { readAttestation } from './attestation';
import { writeAll } from './full-io';
import { scanJournal, type JournalScan, type PlacedFrame } from './journal-scan';
import { encodeSegmentHeader, LOG_ID_BYTES, SEGMENT_HEADER_BYTES, segmentName } from './journal-segment';
import { createJournalWriter, createOrReset, type JournalWriter } from './journal-writer';
import { createWindowReader } from './journal-window';
import type { LogLogger } from './options';
import { TEMPORARY_SUFFIX } from './replaced-file';
import { applyFrame, StateMismatch, type LogState } from './state';
import { corrupt } from './storage-errors';

export interface RecoveryOptions {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: LogLogger;
  readonly dataDirectory: string;
  readonly journalDirectory: string;
  readonly segmentBytesMax: number;
  readonly onSync: (seconds: number) => void;
  /** Called for each frame after it was applied to the state. */
  readonly onFrame: (placed: PlacedFrame) => Promise<void> | void;
}

export interface Recovered {
  readonly writer: JournalWriter;
  /** No frame may have an earlier timestamp. */
  readonly lastTimestampMs: number;
}

const COPY_BYTES = 4 * 1024 * 1024;

/** @throws PulsesError JOURNAL_CORRUPT; the port's error when a file cannot be made */
export async function recoverJournal(options: RecoveryOptions, state: LogState): Promise<Recovered> {
  const { fileSystem, dataDirectory, journalDirectory, logger } = options;
  const attestation = await readAttestation(fileSystem, journalDirectory);
  if (attestation === 'damaged') logger.warn({ directory: journalDirectory }, 'the attestation is damaged; it is ignored');
  const attested = attestation === 'damaged' ? undefined : attestation;
  const scan = await scanJournal({
    fileSystem,
    dataDirectory,
    directory: journalDirectory,
    afterLsn: state.lsn,
    attestedLsn: attested?.lsn ?? 0,
    visit: async (placed) => {
      try {
        applyFrame(state, placed.frame);
      } catch (error) {
        if (!(error instanceof StateMismatch)) throw error;
        throw corrupt(dataDirectory, placed.segment.path, placed.position, error.message);
      }
      await options.onFrame(placed);
    },
  });
  if (scan.tornBytes > 0) {
    logger.warn(
      { file: scan.segments.at(-1)?.path, byte: scan.last.end, bytes: scan.tornBytes },
      'the journal ended in a torn frame, never acknowledged; it is left out',
    );
  }
  for (const path of scan.unused) await fileSystem.remove(path);
  const writer = await continueJournal(options, scan);
  return { writer, lastTimestampMs: Math.max(state.lastTimestampMs, attested?.timestampMs ?? 0) };
}

async function continueJournal(options: RecoveryOptions, scan: JournalScan): Promise<JournalWriter> {
  const { fileSystem, journalDirectory } = options;
  const logId = scan.logId ?? options.random.bytes(LOG_ID_BYTES);
  const firstLsn = scan.attested.lsn + 1;
  const path = `${journalDirectory}/${segmentName(firstLsn)}`;
  const temporary = `${path}${TEMPORARY_SUFFIX}`;
  const file = await createOrReset(fileSystem, temporary);
  let length: number;
  try {
    await writeAll(file, [encodeSegmentHeader({ logId, firstLsn, previousCrc: scan.attested.crc })], 0);
    length = await copyLooseFrames(options, scan, file);
    await file.datasync();
    await fileSystem.rename(temporary, path);
    await fileSystem.syncDirectory(journalDirectory);
  } catch (error) {
    await file.close().catch(() => undefined);
    throw error;
  }
  const { lsn, crc } = scan.last;
  return createJournalWriter(
    { ...options, directory: journalDirectory },
    { logId, lsn, crc, firstLsn, length },
    file,
  );
}

/** Returns the length of the new segment. */
async function copyLooseFrames({ fileSystem }: RecoveryOptions, scan: JournalScan, to: FileHandle): Promise<number> {
  let length = SEGMENT_HEADER_BYTES;
  const newest = scan.segments.at(-1);
  if (newest === undefined || scan.last.lsn === scan.attested.lsn) return length;
  const from = await fileSystem.open(newest.path, 'read');
  try {
    const reader = createWindowReader(from, scan.last.end);
    for (let at = scan.attested.end; at < scan.last.end; ) {
      const window = await reader.view(at, Math.min(COPY_BYTES, scan.last.end - at));
      const piece = window.bytes.subarray(window.at, Math.min(window.bytes.length, window.at + COPY_BYTES));
      await writeAll(to, [piece], length);
      at += piece.length;
      length += piece.length;
    }
  } finally {
    await from.close();
  }
  return length;
}
