// Writes a run from pieces that lie anywhere.

import {
  createOrReset,
  DirectoryWriter,
  encodeRunHeader,
  hasPieceCrcs,
  PieceTable,
  placesOf,
  RUN_HEADER_BYTES,
  runName,
  writeAll,
  type Run,
  type RunEntry,
  type RunHeader,
} from '@pulses/broker-segment-log';
import type { FileHandle, FileSystem } from '@pulses/shared-ports';
import { crc32 } from 'node:zlib';
import type { NewPiece } from './filler';

const BLOCK_BYTES = 1024 * 1024;

/** A topic's part of a run: its pieces, one after the other. */
export interface NewEntry {
  readonly topicId: number;
  readonly baseOffset: number;
  readonly pieces: readonly NewPiece[];
}

export interface NewRun extends Pick<RunHeader, 'kind' | 'logId' | 'firstLsn' | 'lastLsn'> {
  /** By topic id. */
  readonly entries: readonly NewEntry[];
}

/**
 * Writes the file, durably but for its name. A piece of a wrong length is a file that changes while it is read.
 * @throws the port's error; TypeError
 */
export async function writeRun(fileSystem: FileSystem, directory: string, run: NewRun): Promise<Run> {
  const { kind, logId, firstLsn, lastLsn, entries } = run;
  let [pieces, payloadLength] = [0, 0];
  for (const entry of entries) {
    pieces += entry.pieces.length;
    payloadLength += lengthOf(entry);
  }
  const header = { kind, logId, firstLsn, lastLsn, topics: entries.length, pieces, payloadLength };
  const file = await createOrReset(fileSystem, `${directory}/${runName(run)}`);
  try {
    await fill(file, header, entries);
    await file.datasync();
  } finally {
    await file.close();
  }
  return { kind, firstLsn, lastLsn, bytes: placesOf(header).length };
}

async function fill(file: FileHandle, header: RunHeader, entries: readonly NewEntry[]): Promise<void> {
  const output = new Output(file);
  const { bytes, crc: headerCrc } = encodeRunHeader(header);
  await output.add(bytes);
  const directory = new DirectoryWriter(entries.length, headerCrc);
  const pieces = new PieceTable(header.pieces);
  let [firstPiece, payloadAt] = [0, RUN_HEADER_BYTES];
  for (const entry of entries) {
    const length = lengthOf(entry);
    const count = entry.pieces.reduce((sum, piece) => sum + piece.count, 0);
    let payloadCrc = 0;
    for (const piece of entry.pieces) {
      const payload = await piece.load();
      if (payload.length !== piece.length) throw new TypeError('a file has changed meanwhile');
      const crc = hasPieceCrcs(length) ? crc32(payload) : 0;
      if (!hasPieceCrcs(length)) payloadCrc = crc32(payload, payloadCrc);
      pieces.add(piece.count, piece.length, crc, piece.timestampMs);
      await output.add(payload);
    }
    const placed: RunEntry = {
      ...{ topicId: entry.topicId, baseOffset: entry.baseOffset, pieces: entry.pieces.length, firstPiece, payloadAt },
      ...{ count, length, payloadCrc, piecesCrc: pieces.crcFrom(firstPiece, headerCrc) },
      firstTimestampMs: entry.pieces[0]?.timestampMs ?? 0,
      lastTimestampMs: entry.pieces.at(-1)?.timestampMs ?? 0,
    };
    directory.add(placed);
    firstPiece += entry.pieces.length;
    payloadAt += length;
  }
  await output.add(pieces.bytes);
  await output.add(directory.end());
  await output.flush();
}

function lengthOf({ pieces }: NewEntry): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

/** Gathers small pieces. */
class Output {
  readonly #file: FileHandle;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #position = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async add(bytes: Uint8Array): Promise<void> {
    // A copy: the memory may be used again.
    this.#waiting.push(Uint8Array.from(bytes));
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes >= BLOCK_BYTES) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#waiting.length > 0) await writeAll(this.#file, [Buffer.concat(this.#waiting)], this.#position);
    this.#position += this.#waitingBytes;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }
}
