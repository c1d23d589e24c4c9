// Writes a run again, with some of its topics.
//
// Guarantees: every piece is checked before it is copied, so damage never spreads. The new file takes the name of the old
// one once it is durable; a crash leaves one or the other. Bounds: two windows of the old file and a block of the new one.

import { crc32 } from 'node:zlib';
import { viewOf } from '@pulses/shared-binary';
import type { FileHandle, FileSystem } from '@pulses/shared-ports';
import type { RunKey } from '../journal/entries';
import { BlockWriter } from '../disk/block-writer';
import type { Directories } from '../disk/data-directory';
import { corrupt } from '../disk/disk-errors';
import { createWindowReader, type WindowReader } from '../disk/file-window';
import { readUpTo, withFile } from '../disk/full-io';
import { makeFile } from '../disk/replaced-file';
import {
  decodeRunHeader,
  DirectoryWriter,
  encodeRunHeader,
  hasPieceCrcs,
  PIECE_BYTES,
  piecesCrcOf,
  placesOf,
  RUN_HEADER_BYTES,
  runName,
  type RunEntry,
  type RunHeader,
} from './run-format';

const WINDOW_BYTES = 1024 * 1024;

export interface RunRewriterOptions {
  readonly fileSystem: FileSystem;
  readonly directories: Directories;
}

/**
 * @param entries those that stay, in order
 * @throws PulsesError JOURNAL_CORRUPT; the port's error
 */
export async function rewriteRun(
  { fileSystem, directories }: RunRewriterOptions,
  run: RunKey,
  entries: readonly RunEntry[],
): Promise<void> {
  const path = `${directories.runs}/${runName(run)}`;
  await withFile(fileSystem, path, 'read', (from) =>
    makeFile(fileSystem, path, async (file) => {
      await copyRun(await openSource(from, path, directories.data), entries, file);
      await file.datasync();
    }),
  );
}

/** The old file. */
interface Source {
  readonly header: RunHeader;
  readonly headerCrc: number;
  readonly payload: WindowReader;
  readonly pieces: WindowReader;
  corrupt(at: number, what: string): Error;
}

async function openSource(file: FileHandle, path: string, data: string): Promise<Source> {
  const bytes = Buffer.alloc(RUN_HEADER_BYTES);
  await readUpTo(file, bytes, 0);
  const decoded = decodeRunHeader(bytes);
  if (decoded === undefined) throw corrupt(data, path, 0, 'the header of the run is not valid');
  const { header, crc } = decoded;
  const { piecesAt, directoryAt } = placesOf(header);
  return {
    header,
    headerCrc: crc,
    payload: createWindowReader(file, piecesAt, { pieceBytes: WINDOW_BYTES }),
    pieces: createWindowReader(file, directoryAt, { pieceBytes: WINDOW_BYTES }),
    corrupt: (at, what) => corrupt(data, path, at, what),
  };
}

async function copyRun(source: Source, entries: readonly RunEntry[], file: FileHandle): Promise<void> {
  let pieces = 0;
  let payloadLength = 0;
  for (const entry of entries) {
    pieces += entry.pieces;
    payloadLength += entry.length;
  }
  const { bytes, crc } = encodeRunHeader({ ...source.header, topics: entries.length, pieces, payloadLength });
  const output = new BlockWriter(file);
  await output.add(bytes);
  const table = Buffer.allocUnsafeSlow(pieces * PIECE_BYTES);
  const directory = new DirectoryWriter(entries.length, crc);
  let payloadAt = RUN_HEADER_BYTES;
  let firstPiece = 0;
  for (const entry of entries) {
    const own = await piecesOf(source, entry);
    await copyPayload(source, entry, own, output);
    table.set(own, firstPiece * PIECE_BYTES);
    directory.add({ ...entry, payloadAt, firstPiece, piecesCrc: piecesCrcOf(own, crc) });
    payloadAt += entry.length;
    firstPiece += entry.pieces;
  }
  await output.add(table);
  await output.add(directory.end());
  await output.flush();
}

async function piecesOf(source: Source, entry: RunEntry): Promise<Uint8Array> {
  const at = placesOf(source.header).piecesAt + entry.firstPiece * PIECE_BYTES;
  const bytes = await bytesAt(source, source.pieces, at, entry.pieces * PIECE_BYTES);
  if (piecesCrcOf(bytes, source.headerCrc) === entry.piecesCrc) return bytes;
  throw source.corrupt(at, `the pieces of topic ${entry.topicId} are not valid`);
}

async function copyPayload(source: Source, entry: RunEntry, pieces: Uint8Array, output: BlockWriter): Promise<void> {
  const view = viewOf(pieces);
  const copy = async (at: number, length: number, crc: number): Promise<void> => {
    const bytes = await bytesAt(source, source.payload, at, length);
    if (crc32(bytes) !== crc) throw source.corrupt(at, `the messages of topic ${entry.topicId} are not valid`);
    await output.add(bytes);
  };
  if (!hasPieceCrcs(entry.length)) {
    await copy(entry.payloadAt, entry.length, entry.payloadCrc);
    return;
  }
  let at = entry.payloadAt;
  for (let row = 0; row < pieces.length; row += PIECE_BYTES) {
    const length = view.getUint32(row + 4, true);
    await copy(at, length, view.getUint32(row + 8, true));
    at += length;
  }
}

async function bytesAt(source: Source, reader: WindowReader, at: number, length: number): Promise<Uint8Array> {
  const window = await reader.view(at, length);
  if (window.at + length > window.bytes.length) throw source.corrupt(at, 'the run ends early');
  return window.bytes.subarray(window.at, window.at + length);
}
