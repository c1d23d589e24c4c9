// Opens the journal: reads it back, and makes a fresh segment to go on in.
//
// First the state is brought to its end, then is told where the messages lie: whoever takes them knows which topics were
// deleted later, and which messages retention has dropped, whose files are gone already. The frames before the checkpoint
// that are not in the topics' files yet are only skimmed, so a start takes as long as the journal behind the checkpoint;
// `verify` checks them as a whole, and until it has, nothing may be changed that they would be needed to mend.
//
// Guarantees: what was acknowledged before is in the state afterwards, or the call fails. The frames that nothing
// attests are copied to the new segment and synchronised before they count: after a failed writeback the page cache
// can show bytes that are not on the disk. A torn end is left behind in the old segment, which ends where the new
// one starts. A crash at any point of this leaves a directory that opens the same way.

import { failpoint } from '@pulses/shared-failpoints';
import type { Clock, FileHandle, FileSystem, Logger, Random } from '@pulses/shared-ports';
import { readAttestation } from './attestation';
import { writeAll } from './full-io';
import type { Arena } from './arena';
import type { Checkpoint } from './checkpoint-codec';
import type { Frame } from './frame';
import { scanJournal, type JournalScan, type SegmentFile } from './journal-scan';
import { encodeSegmentHeader, LOG_ID_BYTES, SEGMENT_HEADER_BYTES, segmentName } from './journal-segment';
import { createJournalWriter, createOrReset, type JournalWriter } from './journal-writer';
import { skimJournal, type SkimmedFrame } from './journal-skim';
import { createWindowReader } from './journal-window';
import { TEMPORARY_SUFFIX } from './replaced-file';
import { applyFrame, StateMismatch, type LogState } from './state';
import { corrupt } from './storage-errors';

export interface RecoveryOptions {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly dataDirectory: string;
  readonly journalDirectory: string;
  readonly segmentBytesMax: number;
  readonly arena: Arena;
  readonly onSync: (seconds: number) => void;
  /** The checkpoint that the state comes from. */
  readonly checkpoint: Checkpoint | undefined;
}

/** The journal, read to its end. */
export interface ReadJournal {
  /** No frame may have an earlier timestamp. */
  readonly lastTimestampMs: number;
  readonly logId: Uint8Array;
  /** Makes the segment for what comes. @throws the port's error when a file cannot be made */
  goOn(): Promise<JournalWriter>;
  /** Calls `visit` for each frame whose messages may not be in the topics' files, in order. After `goOn`. */
  replay(visit: (frame: SkimmedFrame) => Promise<void> | void): Promise<void>;
  /** Checks the frames that `replay` has only skimmed. @throws PulsesError JOURNAL_CORRUPT; what `visit` throws */
  verify(visit: () => void): Promise<void>;
}

const COPY_BYTES = 4 * 1024 * 1024;

/**
 * Reads the journal and brings the state to its end.
 * @throws PulsesError JOURNAL_CORRUPT; the port's error when a file cannot be read
 */
export async function readJournal(options: RecoveryOptions, state: LogState): Promise<ReadJournal> {
  const { fileSystem, dataDirectory, journalDirectory, logger, checkpoint } = options;
  const checkpointLsn = state.lsn;
  const materialisedLsn = checkpoint?.materialisedLsn ?? 0;
  const attestation = await readAttestation(fileSystem, journalDirectory);
  if (attestation === 'damaged') logger.warn({ directory: journalDirectory }, 'clean-shutdown marker damaged, ignored');
  const attested = attestation === 'damaged' ? undefined : attestation;
  const place = {
    fileSystem,
    dataDirectory,
    directory: journalDirectory,
    attestedLsn: Math.max(attested?.lsn ?? 0, checkpointLsn),
  };
  const scan = await scanJournal({
    ...place,
    // The checkpoint's own frame too, when it is there: it has to be the one that the checkpoint knows.
    afterLsn: Math.max(materialisedLsn, checkpointLsn - 1),
    visit: ({ frame, segment, position }) => {
      try {
        checkBelongs(checkpoint, checkpointLsn, frame, segment);
        if (frame.lsn > checkpointLsn) applyFrame(state, frame);
      } catch (error) {
        if (!(error instanceof StateMismatch)) throw error;
        throw corrupt(dataDirectory, segment.path, position, error.message);
      }
    },
  });
  if (scan.tornBytes > 0) {
    logger.warn(
      { file: scan.segments.at(-1)?.path, byte: scan.last.end, bytes: scan.tornBytes },
      'journal ended in a torn frame that was never acknowledged, dropped',
    );
  }
  const logId = scan.logId ?? options.random.bytes(LOG_ID_BYTES);
  return {
    lastTimestampMs: Math.max(state.lastTimestampMs, attested?.timestampMs ?? 0),
    logId,
    goOn: async () => {
      for (const path of scan.unused) await fileSystem.remove(path);
      return await continueJournal(options, scan, logId);
    },
    replay: (visit) =>
      skimJournal({ ...place, afterLsn: materialisedLsn, lastLsn: scan.last.lsn, isThorough: false, visit }),
    verify: (visit) =>
      skimJournal({ ...place, afterLsn: materialisedLsn, lastLsn: checkpointLsn, isThorough: true, visit }),
  };
}

/** @throws StateMismatch when the journal is not the one that the checkpoint was made of */
function checkBelongs(
  checkpoint: Checkpoint | undefined,
  checkpointLsn: number,
  frame: Frame,
  { header }: SegmentFile,
): void {
  if (checkpoint === undefined) return;
  const isSameLog = checkpoint.logId.every((byte, index) => byte === header.logId[index]);
  const isOther =
    (frame.lsn === checkpointLsn && frame.crc !== checkpoint.frameCrc) ||
    (frame.lsn === checkpointLsn + 1 && frame.previousCrc !== checkpoint.frameCrc);
  if (!isSameLog || isOther) throw new StateMismatch(`frame ${frame.lsn} is not the one that the checkpoint knows`);
}

async function continueJournal(options: RecoveryOptions, scan: JournalScan, logId: Uint8Array): Promise<JournalWriter> {
  const { fileSystem, journalDirectory } = options;
  const firstLsn = scan.attested.lsn + 1;
  const path = `${journalDirectory}/${segmentName(firstLsn)}`;
  const temporary = `${path}${TEMPORARY_SUFFIX}`;
  failpoint('recovery.before-segment');
  const file = await createOrReset(fileSystem, temporary);
  let length: number;
  try {
    await writeAll(file, [encodeSegmentHeader({ logId, firstLsn, previousCrc: scan.attested.crc })], 0);
    length = await copyLooseFrames(options, scan, file);
    failpoint('recovery.after-copy');
    await file.datasync();
    failpoint('recovery.after-sync');
    await fileSystem.rename(temporary, path);
    failpoint('recovery.after-rename');
    await fileSystem.syncDirectory(journalDirectory);
  } catch (error) {
    await file.close().catch(() => undefined);
    throw error;
  }
  const { lsn, crc } = scan.last;
  return createJournalWriter({ ...options, directory: journalDirectory }, { logId, lsn, crc, firstLsn, length }, file);
}

/** Returns the length of the new segment. */
async function copyLooseFrames({ fileSystem }: RecoveryOptions, scan: JournalScan, to: FileHandle): Promise<number> {
  let length = SEGMENT_HEADER_BYTES;
  const newest = scan.segments.at(-1);
  if (newest === undefined || scan.last.lsn === scan.attested.lsn) return length;
  const from = await fileSystem.open(newest.path, 'read');
  try {
    const reader = createWindowReader(from, scan.last.end);
    for (let at = scan.attested.end; at < scan.last.end;) {
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
