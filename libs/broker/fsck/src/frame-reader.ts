// One frame of the journal, as far as it can be read.

import {
  columnsOf,
  entriesOf,
  FRAME_HEADER_BYTES,
  readHeader,
  type Entry,
  type FrameHeader,
  type WindowReader,
} from '@pulses/broker-segment-log';
import { crc32 } from 'node:zlib';

export interface ReadFrame {
  readonly header: FrameHeader;
  readonly columns: Uint32Array;
  readonly entries: readonly Entry[];
  /** What of the frame is not as it was written. Padding holds nothing. */
  readonly damage: 'the payload' | 'the padding' | undefined;
}

/** The frame at `position`; undefined unless header, columns and entries are valid. */
export async function frameAt(reader: WindowReader, position: number, seed: number): Promise<ReadFrame | undefined> {
  const head = await reader.view(position, FRAME_HEADER_BYTES);
  const header = readHeader(head.bytes, head.at, seed);
  if (header === undefined) return undefined;
  const { bytes, at } = await reader.view(position, header.frameLength);
  const metaAt = at + FRAME_HEADER_BYTES;
  const payloadAt = metaAt + header.metaLength;
  if (payloadAt > bytes.length || crc32(bytes.subarray(metaAt, payloadAt), seed) !== header.metaCrc) return undefined;
  const entries = entriesOf(bytes, at, header);
  if (entries === undefined) return undefined;
  return { header, columns: columnsOf(bytes, at, header.rows).slice(), entries, damage: damageOf(bytes, at, header) };
}

function damageOf(bytes: Uint8Array, at: number, header: FrameHeader): ReadFrame['damage'] {
  const payloadAt = at + FRAME_HEADER_BYTES + header.metaLength;
  const payloadEnd = payloadAt + header.payloadLength;
  const end = at + header.frameLength;
  if (payloadEnd > bytes.length) return 'the payload';
  if (crc32(bytes.subarray(payloadAt, payloadEnd)) !== header.payloadCrc) return 'the payload';
  if (end > bytes.length || bytes.subarray(payloadEnd, end).some((byte) => byte !== 0)) return 'the padding';
  return undefined;
}
