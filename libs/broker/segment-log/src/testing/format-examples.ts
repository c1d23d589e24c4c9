// The examples of docs/formats as bytes, and bytes as what the documents state of them.

import { crc32 } from 'node:zlib';
import { FieldWriter, viewOf } from '@pulses/shared-binary';
import type { Checkpoint } from '../checkpoint/checkpoint-codec';
import { writeEntry, type Entry } from '../journal/entries';
import { checkFrame, columnsOf, entriesOf, FRAME_HEADER_BYTES, frameLengthOf, sealFrame } from '../journal/frame';
import {
  decodeBlock,
  decodeRunHeader,
  blockOf,
  DirectoryWriter,
  encodeRunHeader,
  PIECE_BYTES,
  PieceTable,
  placesOf,
  RUN_HEADER_BYTES,
} from '../segments/run-format';

export interface StatedFrame {
  readonly lsn: number;
  readonly syncedUpTo: number;
  readonly timestampMs: number;
  readonly previousCrc: string;
  readonly rows: readonly { readonly topicId: number; readonly count: number; readonly payload: string }[];
  readonly entries: readonly Entry[];
}

export interface StatedRun {
  readonly kind: number;
  readonly logId: string;
  readonly firstLsn: number;
  readonly lastLsn: number;
  readonly topics: readonly {
    readonly topicId: number;
    readonly baseOffset: number;
    readonly pieces: readonly { readonly count: number; readonly timestampMs: number; readonly payload: string }[];
  }[];
}

export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
export const hexOfCrc = (crc: number): string => crc.toString(16).padStart(8, '0');

export function frameBytes({ rows, entries, previousCrc, ...order }: StatedFrame, seed: number): Buffer {
  const writer = FieldWriter.growing(0);
  for (const entry of entries) writeEntry(writer, entry);
  const entryBytes = writer.written();
  const payload = Buffer.from(rows.map((row) => row.payload).join(''));
  const columns = Uint32Array.from([
    ...rows.map(({ topicId }) => topicId),
    ...rows.map(({ count }) => count),
    ...rows.map((row) => Buffer.byteLength(row.payload)),
  ]);
  const metaLength = columns.byteLength + entryBytes.length;
  const bytes = Buffer.alloc(frameLengthOf(metaLength, payload.length));
  bytes.set(new Uint8Array(columns.buffer), FRAME_HEADER_BYTES);
  bytes.set(entryBytes, FRAME_HEADER_BYTES + columns.byteLength);
  bytes.set(payload, FRAME_HEADER_BYTES + metaLength);
  const lengths = { metaLength, payloadLength: payload.length, rows: rows.length, payloadCrc: crc32(payload) };
  sealFrame(bytes, viewOf(bytes), 0, { ...order, ...lengths, previousCrc: parseInt(previousCrc, 16) }, seed);
  return bytes;
}

/** @throws TypeError when the bytes are not a frame */
export function statedFrame(bytes: Uint8Array, seed: number): StatedFrame {
  const header = checkFrame(bytes, 0, seed);
  const entries = header === undefined ? undefined : entriesOf(bytes, 0, header);
  if (header === undefined || entries === undefined) throw new TypeError('not a frame');
  const { lsn, syncedUpTo, timestampMs, previousCrc, metaLength, rows: count } = header;
  const columns = columnsOf(bytes, 0, count);
  let at = FRAME_HEADER_BYTES + metaLength;
  const rows = Array.from({ length: count }, (_, row) => {
    const payload = Buffer.from(bytes.subarray(at, (at += columns[2 * count + row]!))).toString(); // three columns
    return { topicId: columns[row]!, count: columns[count + row]!, payload };
  });
  return { lsn, syncedUpTo, timestampMs, previousCrc: hexOfCrc(previousCrc), rows, entries };
}

/** Of topics with little: each has one CRC. */
export function runBytes({ kind, logId, firstLsn, lastLsn, topics }: StatedRun): Buffer {
  const payloads = topics.map(({ pieces }) => Buffer.from(pieces.map(({ payload }) => payload).join('')));
  const count = topics.reduce((sum, { pieces }) => sum + pieces.length, 0);
  const payload = Buffer.concat(payloads);
  const key = { kind, logId: Buffer.from(logId, 'hex'), firstLsn, lastLsn };
  const header = encodeRunHeader({ ...key, topics: topics.length, pieces: count, payloadLength: payload.length });
  const table = new PieceTable(count);
  const directory = new DirectoryWriter(topics.length, header.crc);
  let [firstPiece, payloadAt] = [0, RUN_HEADER_BYTES];
  for (const [index, { topicId, baseOffset, pieces }] of topics.entries()) {
    const own = payloads[index]!; // one a topic
    for (const piece of pieces) table.add(piece.count, Buffer.byteLength(piece.payload), 0, piece.timestampMs);
    directory.add({
      ...{ topicId, baseOffset, firstPiece, payloadAt, pieces: pieces.length, length: own.length },
      count: pieces.reduce((sum, piece) => sum + piece.count, 0),
      piecesCrc: table.crcFrom(firstPiece, header.crc),
      payloadCrc: crc32(own),
      firstTimestampMs: pieces[0]?.timestampMs ?? 0,
      lastTimestampMs: pieces.at(-1)?.timestampMs ?? 0,
    });
    firstPiece += pieces.length;
    payloadAt += own.length;
  }
  return Buffer.concat([header.bytes, payload, table.bytes, directory.end()]);
}

/** @throws TypeError when the bytes are not a run */
export function statedRun(bytes: Uint8Array): StatedRun {
  const known = decodeRunHeader(bytes);
  if (known === undefined) throw new TypeError('not a run');
  const { header, crc } = known;
  const { at, length } = blockOf(header, 0);
  const table = viewOf(bytes.subarray(placesOf(header).piecesAt));
  const topics = (decodeBlock(bytes.subarray(at, at + length), 0, crc) ?? []).map((entry) => {
    let place = entry.payloadAt;
    const pieces = Array.from({ length: entry.pieces }, (_, index) => {
      const row = (entry.firstPiece + index) * PIECE_BYTES;
      const payload = Buffer.from(bytes.subarray(place, (place += table.getUint32(row + 4, true)))).toString();
      const timestampMs = Number(table.getBigUint64(row + 12, true));
      return { count: table.getUint32(row, true), timestampMs, payload };
    });
    return { topicId: entry.topicId, baseOffset: entry.baseOffset, pieces };
  });
  const { kind, logId, firstLsn, lastLsn } = header;
  return { kind, logId: hexOf(logId), firstLsn, lastLsn, topics };
}

export function statedCheckpoint({ identity, state, frameCrc }: Checkpoint): object {
  const { topics } = state;
  const rows = Array.from({ length: topics.rowsEnd }, (_, row) => row).filter((row) => topics.isStored(row));
  return {
    logId: hexOf(identity.logId),
    seed: hexOfCrc(identity.seed),
    lsn: state.lsn,
    frameCrc: hexOfCrc(frameCrc),
    lastTimestampMs: state.lastTimestampMs,
    epochFloor: state.epochFloor,
    sealedLsn: state.sealedLsn,
    runs: state.runs,
    producers: [...state.producers].map(([id, producer]) => ({ id, ...producer })),
    retired: [...state.retiredProducers].map(([id, epoch]) => ({ id, epoch })),
    groups: [...state.groups].map(([group, { epoch, lastUsedMs, positions }]) => ({
      ...{ group, epoch, lastUsedMs },
      topics: [...positions].map(([topicId, byName]) => ({
        topicId,
        positions: [...byName].map(([name, position]) => ({ name, ...position })),
      })),
    })),
    owners: [...state.owners].map(([topicId, group]) => ({ topicId, group })),
    nextTopicId: topics.nextId,
    topics: rows.map((row) => {
      const { incarnation: _, ...info } = topics.info(row);
      return { id: topics.idOf(row), ...info };
    }),
  };
}
