// Opens the journal: reads it back into the state and the index of what is not sealed, and makes what comes next possible.
//
// Guarantees: what was acknowledged before is in the state afterwards, or the call fails. Frames that nothing attests are
// copied to a new segment and synchronised before they count: after a failed writeback the page cache can show bytes that
// are not on the disk. A torn end is left behind in the old segment, which ends where the new one starts. A crash at
// any point of this leaves a directory that opens the same way. Bounds: reads what is not sealed, once.

import { failpoint } from '@pulses/shared-failpoints';
import type { Clock, FileHandle, FileSystem, Logger, Random } from '@pulses/shared-ports';
import { loadCheckpoint } from '../checkpoint/checkpoint-store';
import type { Checkpoint } from '../checkpoint/checkpoint-codec';
import { applyFrame, createState, StateMismatch, type Effects, type LogState } from '../commit/log-state';
import type { Directories } from '../disk/data-directory';
import { corrupt } from '../disk/disk-errors';
import { checkIdentity, writeManifest } from '../disk/manifest';
import { createWindowReader } from '../disk/file-window';
import { withFile, writeAll } from '../disk/full-io';
import { makeFile } from '../disk/replaced-file';
import { readAttestation } from '../journal/attestation';
import { columnsOf, entriesOf, FRAME_HEADER_BYTES } from '../journal/frame';
import type { JournalEnd, PlacedFrame } from '../journal/journal';
import { scanJournal, type JournalScan, type ScannedFrame } from '../journal/journal-scan';
import {
  encodeSegmentHeader,
  isSameLog,
  LOG_ID_BYTES,
  SEGMENT_HEADER_BYTES,
  segmentName,
  type LogIdentity,
} from '../journal/segment-header';
import { UnsealedIndex } from '../segments/unsealed';
import { TOPIC_KINDS_MAX } from '../options';
import { removeStrayRuns } from './stray-runs';

export interface RecoveryOptions {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly directories: Directories;
  readonly segmentBytesMax: number;
  readonly kindOf: (topic: string) => number;
  /** What the manifest states; undefined when there is none. */
  readonly logId: string | undefined;
}

export interface Recovered {
  readonly state: LogState;
  readonly unsealed: UnsealedIndex;
  /** No frame may have an earlier timestamp. */
  readonly lastTimestampMs: number;
  readonly end: JournalEnd;
  /** LSN and `sealedLsn` of the checkpoint that the state comes from. */
  readonly checkpoint: { readonly lsn: number; readonly sealedLsn: number } | undefined;
  /** First LSNs of the segments that are there, oldest first. */
  readonly segments: readonly number[];
}

const COPY_BYTES = 4 * 1024 * 1024;

/** @throws PulsesError JOURNAL_CORRUPT; the port's error when a file cannot be used */
export async function recover(options: RecoveryOptions): Promise<Recovered> {
  const { fileSystem, directories, logger, kindOf } = options;
  const { data, journal: directory, checkpoints } = directories;
  const checkpoint = await loadCheckpoint(fileSystem, checkpoints, data, logger, kindOf);
  const attestation = await readAttestation(fileSystem, directory);
  if (attestation === 'damaged') logger.warn({ directory }, 'clean-shutdown marker damaged, ignored');
  const attested = attestation === 'damaged' ? undefined : attestation;

  const replay = new Replay(options, checkpoint);
  const scan = await scanJournal({
    fileSystem,
    dataDirectory: data,
    directory,
    isCheckpointed: checkpoint !== undefined,
    attestedLsn: Math.max(attested?.lsn ?? 0, checkpoint?.state.lsn ?? 0),
    // The checkpoint's own frame too, when it is there: it has to be the one that the checkpoint knows.
    afterLsn: Math.min(checkpoint?.state.sealedLsn ?? 0, Math.max(0, (checkpoint?.state.lsn ?? 0) - 1)),
    begin: (segment) => {
      replay.begin(segment.header, segment.header.firstLsn);
    },
    visit: (frame) => {
      replay.frame(frame);
    },
  });
  await checkIdentity(fileSystem, data, options.logId, scan.identity?.logId);
  if (scan.isTorn) {
    logger.warn(
      { file: scan.segments.at(-1)?.path, byte: scan.last.end, bytes: scan.restBytes },
      'journal ended in a torn frame that was never acknowledged, dropped',
    );
  }
  const identity = scan.identity ?? newIdentity(options.random);
  const { state, unsealed } = replay.end(identity);
  for (const path of scan.unused) await fileSystem.remove(path);
  const end = await continueJournal(options, scan, identity, unsealed);
  // Not before: where the manifest is, the journal has to be.
  if (options.logId === undefined) await writeManifest(fileSystem, data, identity.logId);
  // Not before: a frame that drops a run has to be durable.
  await removeStrayRuns(fileSystem, directories, state);
  failpoint('recovery.after-replay');
  const known = scan.segments.map(({ header }) => header.firstLsn).filter((firstLsn) => firstLsn < end.firstLsn);
  return {
    state,
    unsealed,
    lastTimestampMs: Math.max(state.lastTimestampMs, attested?.timestampMs ?? 0),
    end,
    checkpoint: checkpoint && { lsn: replay.checkpointLsn, sealedLsn: replay.checkpointSealedLsn },
    segments: [...known, end.firstLsn],
  };
}

function newIdentity(random: Random): LogIdentity {
  const seed = Buffer.from(random.bytes(4)).readUInt32LE();
  return { logId: random.bytes(LOG_ID_BYTES), seed };
}

/** Puts frames into the state, and their messages into the index. */
class Replay {
  readonly #options: RecoveryOptions;
  readonly #checkpoint: Checkpoint | undefined;
  readonly checkpointLsn: number;
  readonly checkpointSealedLsn: number;
  readonly #effects: Effects = { grown: [], renewed: [], kinds: new Float64Array(TOPIC_KINDS_MAX * 2) };
  #state: LogState | undefined;
  #unsealed: UnsealedIndex | undefined;

  constructor(options: RecoveryOptions, checkpoint: Checkpoint | undefined) {
    this.#options = options;
    this.#checkpoint = checkpoint;
    this.#state = checkpoint?.state;
    this.checkpointLsn = checkpoint?.state.lsn ?? 0;
    this.checkpointSealedLsn = checkpoint?.state.sealedLsn ?? 0;
  }

  begin(identity: LogIdentity, firstLsn: number): void {
    this.#parts(identity).unsealed.begin(firstLsn);
  }

  /** @throws PulsesError JOURNAL_CORRUPT */
  frame({ header, bytes, at, segment, position }: ScannedFrame): void {
    const { state, unsealed } = this.#parts(segment.header);
    const { data } = this.#options.directories;
    const entries = entriesOf(bytes, at, header);
    if (entries === undefined) throw corrupt(data, segment.path, position, `frame ${header.lsn} has no valid entries`);
    const placed: PlacedFrame = {
      lsn: header.lsn,
      timestampMs: header.timestampMs,
      rows: header.rows,
      columns: columnsOf(bytes, at, header.rows),
      entries,
      segmentFirstLsn: segment.header.firstLsn,
      payloadAt: position + FRAME_HEADER_BYTES + header.metaLength,
      payloadLength: header.payloadLength,
      payloadCrc: header.payloadCrc,
      end: position + header.frameLength,
    };
    try {
      this.#checkBelongs(header.lsn, header.crc, header.previousCrc, segment.header);
      const isNew = header.lsn > this.checkpointLsn;
      if (isNew) applyFrame(state, placed, this.#effects);
      unsealed.add(placed);
      if (isNew && entries.some(({ kind }) => kind === 'runs-sealed')) unsealed.drop(state.sealedLsn);
    } catch (error) {
      if (!(error instanceof StateMismatch)) throw error;
      throw corrupt(data, segment.path, position, error.message);
    }
    this.#effects.renewed.length = 0;
  }

  end(identity: LogIdentity): { state: LogState; unsealed: UnsealedIndex } {
    const parts = this.#parts(identity);
    parts.unsealed.drop(parts.state.sealedLsn);
    return parts;
  }

  #parts(identity: LogIdentity): { state: LogState; unsealed: UnsealedIndex } {
    const state = (this.#state ??= createState(identity.logId, this.#options.kindOf));
    return { state, unsealed: (this.#unsealed ??= new UnsealedIndex(state.topics)) };
  }

  /** @throws StateMismatch when the journal is not the one that the checkpoint was made of */
  #checkBelongs(lsn: number, crc: number, previousCrc: number, identity: LogIdentity): void {
    if (this.#checkpoint === undefined) return;
    const { frameCrc } = this.#checkpoint;
    const isOther =
      (lsn === this.checkpointLsn && crc !== frameCrc) || (lsn === this.checkpointLsn + 1 && previousCrc !== frameCrc);
    if (isSameLog(this.#checkpoint.identity, identity) && !isOther) return;
    throw new StateMismatch(`frame ${lsn} is not the one that the checkpoint knows`);
  }
}

async function continueJournal(
  options: RecoveryOptions,
  scan: JournalScan,
  identity: LogIdentity,
  unsealed: UnsealedIndex,
): Promise<JournalEnd> {
  const { fileSystem, directories, segmentBytesMax } = options;
  const { lsn, crc } = scan.last;
  const newest = scan.segments.at(-1);
  const isWhole = scan.last.lsn === scan.attested.lsn && !scan.isTorn;
  if (newest !== undefined && isWhole && scan.last.end < segmentBytesMax) {
    return { identity, lsn, crc, firstLsn: newest.header.firstLsn, length: scan.last.end };
  }
  const firstLsn = scan.attested.lsn + 1;
  const path = `${directories.journal}/${segmentName(firstLsn)}`;
  failpoint('recovery.before-segment');
  const length = await makeFile(fileSystem, path, async (file) => {
    await writeAll(file, [encodeSegmentHeader({ ...identity, firstLsn, previousCrc: scan.attested.crc })], 0);
    const end = await copyLooseFrames(options, scan, file);
    failpoint('recovery.after-copy');
    await file.datasync();
    failpoint('recovery.after-sync');
    return end;
  });
  failpoint('recovery.after-rename');
  await fileSystem.syncDirectory(directories.journal);
  if (unsealed.segments.length === 0) unsealed.begin(firstLsn);
  else unsealed.split(firstLsn, scan.attested.end - SEGMENT_HEADER_BYTES);
  return { identity, lsn, crc, firstLsn, length };
}

/** Returns the length of the new segment. */
async function copyLooseFrames({ fileSystem }: RecoveryOptions, scan: JournalScan, to: FileHandle): Promise<number> {
  let length = SEGMENT_HEADER_BYTES;
  const newest = scan.segments.at(-1);
  if (newest === undefined || scan.last.lsn === scan.attested.lsn) return length;
  await withFile(fileSystem, newest.path, 'read', async (from) => {
    const reader = createWindowReader(from, scan.last.end);
    for (let at = scan.attested.end; at < scan.last.end;) {
      const window = await reader.view(at, Math.min(COPY_BYTES, scan.last.end - at));
      const piece = window.bytes.subarray(window.at, Math.min(window.bytes.length, window.at + COPY_BYTES));
      await writeAll(to, [piece], length);
      at += piece.length;
      length += piece.length;
    }
  });
  return length;
}
