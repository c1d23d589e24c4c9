// Writes the runs of a plan.
//
// Guarantees: every frame's payload is checked before a byte of it is copied, so damage never spreads. When it resolves,
// the files are durable under their names; a run that is there already is replaced. Bounds: the segments in memory, which
// is kept, and one block of output.

import { crc32 } from 'node:zlib';
import { freeMemory } from '@pulses/broker-wire';
import { failpoint } from '@pulses/shared-failpoints';
import type { FileSystem } from '@pulses/shared-ports';
import type { Run } from '../commit/log-state';
import type { Directories } from '../disk/data-directory';
import { corrupt } from '../disk/disk-errors';
import { BlockWriter } from '../disk/block-writer';
import { readUpTo, withFile } from '../disk/full-io';
import { makeFile } from '../disk/replaced-file';
import { segmentName } from '../journal/segment-header';
import { TOPIC_KINDS_MAX } from '../options';
import {
  DirectoryWriter,
  encodeRunHeader,
  hasPieceCrcs,
  PieceTable,
  placesOf,
  RUN_HEADER_BYTES,
  runName,
  type RunHeader,
} from './run-format';
import type { SealPlan } from './seal-plan';
import type { UnsealedSegment } from './unsealed';

const BLOCK_BYTES = 1024 * 1024;

export interface RunWriterOptions {
  readonly fileSystem: FileSystem;
  readonly directories: Directories;
  readonly logId: Uint8Array;
  /** Whether more waits to be sealed than what is. */
  isBehind(): boolean;
}

export class RunWriter {
  readonly #options: RunWriterOptions;
  /** Of the segments before, used again: fresh memory costs page faults and collections. */
  #memory = Buffer.alloc(0);

  constructor(options: RunWriterOptions) {
    this.#options = options;
  }

  /** One call at a time. @throws PulsesError JOURNAL_CORRUPT; the port's error */
  async write(plan: SealPlan): Promise<Run[]> {
    const sources: Buffer[] = [];
    let used = 0;
    this.#reserve(plan.segments.reduce((sum, { end }) => sum + end, 0));
    for (const segment of plan.segments) {
      const memory = this.#memory.subarray(used, used + segment.end);
      await readSegment(this.#options, segment, memory);
      sources.push(memory);
      used += segment.end;
    }
    const runs: Run[] = [];
    for (let kind = 0; kind < TOPIC_KINDS_MAX; kind += 1) {
      const run = await writeRun(this.#options, plan, kind, sources);
      if (run !== undefined) runs.push(run);
    }
    const { fileSystem, directories } = this.#options;
    if (runs.length > 0) await fileSystem.syncDirectory(directories.runs);
    return runs;
  }

  #reserve(length: number): void {
    if (length <= this.#memory.length) return;
    freeMemory(this.#memory.buffer);
    this.#memory = Buffer.allocUnsafeSlow(length);
  }
}

/** Reads the segment up to its last frame, and checks all payloads. */
async function readSegment(options: RunWriterOptions, segment: UnsealedSegment, bytes: Buffer): Promise<void> {
  const { fileSystem, directories } = options;
  const path = `${directories.journal}/${segmentName(segment.firstLsn)}`;
  await withFile(fileSystem, path, 'read', async (file) => {
    let frame = 0;
    for (let at = 0; at < bytes.length;) {
      const piece = bytes.subarray(at, at + BLOCK_BYTES);
      const count = await readUpTo(file, piece, at);
      if (count < piece.length) throw corrupt(directories.data, path, at + count, 'the segment ends early');
      at += count;
      for (; frame < segment.frames; frame += 1) {
        const payload = segment.payloadOf(frame);
        if (payload.at + payload.length > at) break;
        if (crc32(bytes.subarray(payload.at, payload.at + payload.length)) === payload.crc) continue;
        const what = `the payload of frame ${segment.firstLsn + frame} is not valid`;
        throw corrupt(directories.data, path, payload.at, what);
      }
    }
  });
}

/** Undefined when the plan has no topic of the kind. */
async function writeRun(
  options: RunWriterOptions,
  plan: SealPlan,
  kind: number,
  sources: readonly Buffer[],
): Promise<Run | undefined> {
  const { fileSystem, directories, logId } = options;
  const { firstLsn, lastLsn } = plan;
  const { firstOf, firstPieces, lengths } = plan.topics;
  const [from, to] = [firstOf[kind]!, firstOf[kind + 1]!]; // one more than kinds
  if (from === to) return undefined;
  const pieces = firstPieces[to]! - firstPieces[from]!; // one more than topics
  let payloadLength = 0;
  for (let at = from; at < to; at += 1) payloadLength += lengths[at]!; // in range
  const header = { kind, logId, firstLsn, lastLsn, topics: to - from, pieces, payloadLength };
  await makeFile(fileSystem, `${directories.runs}/${runName(header)}`, async (file) => {
    await fillRun(new BlockWriter(file, options.isBehind), plan, header, sources);
    await file.datasync();
    failpoint('seal.after-run-sync');
  });
  failpoint('seal.after-run-rename');
  return { kind, firstLsn, lastLsn, bytes: placesOf(header).length };
}

async function fillRun(
  output: BlockWriter,
  { topics, segments, segmentOf, placeOf }: SealPlan,
  header: RunHeader,
  sources: readonly Buffer[],
): Promise<void> {
  const { bytes: headerBytes, crc: headerCrc } = encodeRunHeader(header);
  await output.add(headerBytes);
  const pieces = new PieceTable(header.pieces);
  const directory = new DirectoryWriter(header.topics, headerCrc);
  const from = topics.firstOf[header.kind]!; // one more than kinds
  const firstOfRun = topics.firstPieces[from]!; // one more than topics
  let payloadAt = RUN_HEADER_BYTES;
  for (let topic = from; topic < from + header.topics; topic += 1) {
    const length = topics.lengths[topic]!; // in range, as the others
    const [first, end] = [topics.firstPieces[topic]!, topics.firstPieces[topic + 1]!];
    const hasOwnCrcs = hasPieceCrcs(length);
    if (!hasOwnCrcs && !output.hasRoom(length)) await output.flush();
    let count = 0;
    for (let piece = first; piece < end; piece += 1) {
      const number = segmentOf[piece]!; // pieces of the plan
      const segment = segments[number]!;
      const source = sources[number]!;
      const at = placeOf[piece]!;
      const place = segment.placeOf(at);
      const pieceLength = segment.lengthOf(at);
      let crc = 0;
      if (hasOwnCrcs) {
        const bytes = source.subarray(place, place + pieceLength);
        // That of its frame when it is all of it: it was checked, and is the sender's.
        crc = segment.crcOf(at) ?? crc32(bytes);
        if (!output.put(bytes, 0, pieceLength)) await output.add(bytes);
      } else {
        output.put(source, place, pieceLength);
      }
      count += segment.countOf(at);
      pieces.add(segment.countOf(at), pieceLength, crc, segment.timestampOf(segment.frameOf(at)));
    }
    const firstPiece = first - firstOfRun;
    directory.add({
      topicId: topics.ids[topic]!,
      pieces: end - first,
      firstPiece,
      payloadAt,
      count,
      length,
      piecesCrc: pieces.crcFrom(firstPiece, headerCrc),
      payloadCrc: hasOwnCrcs ? 0 : crc32(output.last(length)),
      baseOffset: topics.baseOffsets[topic]!,
      firstTimestampMs: pieces.timestampOf(firstPiece),
      lastTimestampMs: pieces.timestampOf(end - firstOfRun - 1),
    });
    payloadAt += length;
  }
  const ends = [pieces.bytes, directory.end()];
  for (const bytes of ends) await output.add(bytes);
  await output.flush();
  // Left to the collector, it would be what makes it run.
  for (const { buffer } of ends) freeMemory(buffer);
}
