// One frame of the journal, as far as it can be read: one wrong byte of its header, or of its columns and entries, is put
// right where everything else of the frame then fits.

import {
  columnsOf,
  entriesOf,
  FRAME_HEADER_BYTES,
  readHeader,
  type Entry,
  type FrameHeader,
  type WindowReader,
} from '@pulses/broker-segment-log';
import { viewOf } from '@pulses/shared-binary';
import { crc32 } from 'node:zlib';
import { mended } from './mend-byte';

const CRC_AT = FRAME_HEADER_BYTES - 4;
const LINE_FEED = 0x0a;

export interface ReadFrame {
  readonly header: FrameHeader;
  readonly columns: Uint32Array;
  readonly entries: readonly Entry[];
  /** What of the frame is not as it was written. */
  readonly damage: 'the header' | 'the columns' | 'the payload' | 'the padding' | undefined;
  readonly isPayloadSound: boolean;
}

/** What a frame has to say when it is the next one; CRC undefined: not known. */
export interface FrameBefore {
  readonly lsn: number;
  readonly crc: number | undefined;
}

export function follows(header: FrameHeader, before: FrameBefore): boolean {
  return header.lsn === before.lsn + 1 && (before.crc === undefined || header.previousCrc === before.crc);
}

/**
 * The frame at `position`; undefined unless header, columns and entries are valid, or can be put right.
 * @param before what it has to follow on, when that is known: only then its header is put right
 */
export async function frameAt(
  reader: WindowReader,
  position: number,
  seed: number,
  before?: FrameBefore,
): Promise<ReadFrame | undefined> {
  const head = await reader.view(position, FRAME_HEADER_BYTES);
  const stored = readHeader(head.bytes, head.at, seed);
  const headBytes = head.bytes.slice(head.at, head.at + FRAME_HEADER_BYTES);
  const header = stored ?? (before === undefined ? undefined : mendedHeader(headBytes, seed, before));
  if (header === undefined) return undefined;
  const { bytes, at } = await reader.view(position, header.frameLength);
  const metaAt = at + FRAME_HEADER_BYTES;
  const payloadAt = metaAt + header.metaLength;
  if (payloadAt > bytes.length) return undefined;
  const isPayloadSound = isSound(bytes, payloadAt, header);
  const damages: ReadFrame['damage'][] = stored === undefined ? ['the header'] : [];
  let meta: Uint8Array | undefined = bytes.subarray(metaAt, payloadAt);
  if (crc32(meta, seed) !== header.metaCrc) {
    damages.push('the columns');
    meta = mended(meta, header.metaCrc, seed);
  }
  // Entries are read in place: a header stands before them.
  const frame = meta === undefined ? undefined : Buffer.concat([headBytes, meta]);
  const entries = frame === undefined ? undefined : entriesOf(frame, 0, header);
  if (frame === undefined || entries === undefined) return undefined;
  const columns = columnsOf(frame, 0, header.rows).slice();
  const payload = bytes.subarray(payloadAt, payloadAt + header.payloadLength);
  if (damages.includes('the columns') && isPayloadSound && !haveLines(columns, payload)) return undefined;
  if (!isPayloadSound) damages.push('the payload');
  else if (!isPadded(bytes, at, header)) damages.push('the padding');
  return { header, columns, entries, damage: damages[0], isPayloadSound };
}

function mendedHeader(stored: Uint8Array, seed: number, before: FrameBefore): FrameHeader | undefined {
  if (stored.length < FRAME_HEADER_BYTES) return undefined;
  const right = mended(stored.subarray(0, CRC_AT), viewOf(stored).getUint32(CRC_AT, true), seed);
  if (right === undefined) return undefined;
  const bytes = Buffer.concat([right, new Uint8Array(FRAME_HEADER_BYTES - CRC_AT)]);
  bytes.writeUInt32LE(crc32(right, seed), CRC_AT);
  const header = readHeader(bytes, 0, seed);
  return header !== undefined && follows(header, before) ? header : undefined;
}

function isSound(bytes: Uint8Array, payloadAt: number, { payloadLength, payloadCrc }: FrameHeader): boolean {
  const end = payloadAt + payloadLength;
  return end <= bytes.length && crc32(bytes.subarray(payloadAt, end)) === payloadCrc;
}

function isPadded(bytes: Uint8Array, at: number, header: FrameHeader): boolean {
  const end = at + header.frameLength;
  const padAt = at + FRAME_HEADER_BYTES + header.metaLength + header.payloadLength;
  return end <= bytes.length && bytes.subarray(padAt, end).every((byte) => byte === 0);
}

/** Whether each row has as many messages as the columns say. */
function haveLines(columns: Uint32Array, payload: Uint8Array): boolean {
  const rows = columns.length / 3;
  let at = 0;
  for (let row = 0; row < rows; row += 1) {
    const end = at + columns[2 * rows + row]!; // three columns
    let count = 0;
    for (; at < end; at += 1) if (payload[at] === LINE_FEED) count += 1;
    if (count !== columns[rows + row] || payload[end - 1] !== LINE_FEED) return false;
  }
  return true;
}
