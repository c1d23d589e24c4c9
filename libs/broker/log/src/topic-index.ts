// The index beside each topic segment: which messages lie where, since when, and their CRC.
//
//   index  = header(320) entry*
//   header = magic 8 bytes · version u32 · crc u32 · incarnation 16 bytes · baseOffset u64 · topicId u32
//            · topic text · zero to 320 bytes
//   entry  = baseOffset u64 · timestampMs u64 · position u32 · length u32 · recordCount u32 · payloadCrc u32 · crc u32
//
// An entry describes one block: consecutive messages with one timestamp, at `position` of the segment. Blocks follow on
// each other without a gap, in offsets and in bytes.

import { crc32 } from 'node:zlib';
import { FieldError, FieldReader, FieldWriter, putU64, takeU64, viewOf } from '@pulses/shared-binary';
import { utf8 } from './bytes';

export const INDEX_HEADER_BYTES = 320;
export const INDEX_ENTRY_BYTES = 36;

const MAGIC = utf8('PULSIDX1');
const VERSION = 1;

export interface IndexHeader {
  readonly incarnation: string;
  readonly baseOffset: number;
  readonly topicId: number;
  readonly topic: string;
}

export interface Block {
  readonly baseOffset: number;
  readonly timestampMs: number;
  readonly position: number;
  readonly length: number;
  readonly recordCount: number;
  readonly payloadCrc: number;
}

export function encodeIndexHeader(header: IndexHeader): Uint8Array {
  const bytes = new Uint8Array(INDEX_HEADER_BYTES);
  const writer = FieldWriter.into(bytes);
  writer.raw(MAGIC);
  writer.u32(VERSION);
  writer.u32(0);
  writer.id(header.incarnation);
  writer.u64(header.baseOffset);
  writer.u32(header.topicId);
  writer.str(header.topic);
  viewOf(bytes).setUint32(12, headerCrc(bytes), true);
  return bytes;
}

/** Undefined when the bytes are not a whole valid header. */
export function decodeIndexHeader(bytes: Uint8Array): IndexHeader | undefined {
  if (bytes.length < INDEX_HEADER_BYTES || !MAGIC.every((byte, index) => bytes[index] === byte)) return undefined;
  const view = viewOf(bytes);
  if (view.getUint32(8, true) !== VERSION || view.getUint32(12, true) !== headerCrc(bytes)) return undefined;
  try {
    const reader = new FieldReader(bytes, 16, INDEX_HEADER_BYTES);
    const incarnation = reader.id();
    const baseOffset = reader.u64();
    return { incarnation, baseOffset, topicId: reader.u32(), topic: reader.str() };
  } catch (error) {
    if (error instanceof FieldError) return undefined;
    throw error;
  }
}

export function encodeBlocks(blocks: readonly Block[]): Uint8Array {
  const bytes = Buffer.allocUnsafe(blocks.length * INDEX_ENTRY_BYTES);
  const view = viewOf(bytes);
  for (const [index, block] of blocks.entries()) {
    const at = index * INDEX_ENTRY_BYTES;
    putU64(view, at, block.baseOffset);
    putU64(view, at + 8, block.timestampMs);
    view.setUint32(at + 16, block.position, true);
    view.setUint32(at + 20, block.length, true);
    view.setUint32(at + 24, block.recordCount, true);
    view.setUint32(at + 28, block.payloadCrc, true);
    view.setUint32(at + 32, crc32(bytes.subarray(at, at + 32)), true);
  }
  return bytes;
}

/** Undefined when the entry at `bytes[at]` is not valid. */
export function decodeBlock(bytes: Uint8Array, at: number): Block | undefined {
  if (at + INDEX_ENTRY_BYTES > bytes.length) return undefined;
  const view = viewOf(bytes);
  if (view.getUint32(at + 32, true) !== crc32(bytes.subarray(at, at + 32))) return undefined;
  return {
    baseOffset: takeU64(view, at),
    timestampMs: takeU64(view, at + 8),
    position: view.getUint32(at + 16, true),
    length: view.getUint32(at + 20, true),
    recordCount: view.getUint32(at + 24, true),
    payloadCrc: view.getUint32(at + 28, true),
  };
}

/** Where the entry with this number starts in the file. */
export function indexPosition(entry: number): number {
  return INDEX_HEADER_BYTES + entry * INDEX_ENTRY_BYTES;
}

function headerCrc(bytes: Uint8Array): number {
  return crc32(bytes.subarray(16, INDEX_HEADER_BYTES), crc32(bytes.subarray(0, 12)));
}
