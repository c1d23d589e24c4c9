// Frames of Kafka's log: record batches of version 2 (KIP-98).
//
//   batch       i64 base offset, i32 length (bytes after this field), i32 leader epoch, i8 magic = 2, u32 CRC-32C of all
//               that follows, i16 attributes, i32 last offset delta, i64 base time, i64 largest time, i64 producer id,
//               i16 producer epoch, i32 first sequence, i32 record count, records (packed as a whole)
//   attributes  bits 0-2 codec, bit 3 LogAppendTime, bit 4 transactional, bit 5 control
//   record      varint length, i8 attributes, varint time delta, varint offset delta, varint key length (-1: none), key,
//               varint value length (-1: none), value, varint header count, headers
//   header      varint key length, key, varint value length (-1: none), value
//
// Numbers are big-endian, varints zigzag. The producer's fields are -1 in a batch that is not idempotent.
// Guarantees: a batch is checked by its CRC before a record of it is read. Bounds: lengths are checked against the bytes.

import { crc32c } from '@platformatic/kafka';
import { PulsesError } from '@pulses/shared-errors';

export const BATCH_HEADER_BYTES = 61;
/** Bytes before the field that says how many follow, and of that field. */
export const LENGTH_END = 12;
/** Where the bytes begin that the CRC covers. */
export const CRC_END = 21;

export const ATTRIBUTE = { codec: 0b111, logAppendTime: 1 << 3, transactional: 1 << 4, control: 1 << 5 } as const;

/** The type of a control record that ends a transaction by its abort. */
const CONTROL_ABORT = 0;

export interface RecordBatch {
  readonly baseOffset: number;
  /** Offset after the last one that the batch covers, also when compaction has removed that record. */
  readonly nextOffset: number;
  readonly recordCount: number;
  readonly codec: number;
  readonly isLogAppendTime: boolean;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  readonly baseTimestampMs: number;
  readonly maxTimestampMs: number;
  readonly producerId: bigint;
  /** Still packed. */
  readonly records: Buffer;
}

/** Where the batch at `at` ends; undefined when its last byte is missing: a fetch may cut the last batch. */
export function batchEnd(bytes: Buffer, at: number): number | undefined {
  if (at + LENGTH_END > bytes.length) return undefined;
  const end = at + LENGTH_END + bytes.readInt32BE(at + 8);
  return end > bytes.length ? undefined : end;
}

/** @throws PulsesError PROTOCOL_VIOLATION, VERSION_UNSUPPORTED; the message names `log` and the offset */
export function readBatch(bytes: Buffer, at: number, end: number, log: string): RecordBatch {
  const where = `${log}: the batch at offset ${bytes.readBigInt64BE(at)}`;
  const magic = end - at > 16 ? bytes.readInt8(at + 16) : 2;
  if (magic !== 2)
    throw new PulsesError('VERSION_UNSUPPORTED', `${where} has the format ${magic}; only 2 is supported`);
  if (end - at < BATCH_HEADER_BYTES) throw new PulsesError('PROTOCOL_VIOLATION', `${where} is cut short`);
  const stated = bytes.readUInt32BE(at + 17);
  const found = crc32c(bytes.subarray(at + CRC_END, end));
  if (stated !== found)
    throw new PulsesError(
      'PROTOCOL_VIOLATION',
      `${where} has the CRC ${found.toString(16)}, not ${stated.toString(16)}`,
    );
  const attributes = bytes.readInt16BE(at + 21);
  const baseOffset = Number(bytes.readBigInt64BE(at));
  return {
    baseOffset,
    nextOffset: baseOffset + bytes.readInt32BE(at + 23) + 1,
    recordCount: bytes.readInt32BE(at + 57),
    codec: attributes & ATTRIBUTE.codec,
    isLogAppendTime: (attributes & ATTRIBUTE.logAppendTime) !== 0,
    isTransactional: (attributes & ATTRIBUTE.transactional) !== 0,
    isControl: (attributes & ATTRIBUTE.control) !== 0,
    baseTimestampMs: Number(bytes.readBigInt64BE(at + 27)),
    maxTimestampMs: Number(bytes.readBigInt64BE(at + 35)),
    producerId: bytes.readBigInt64BE(at + 43),
    records: bytes.subarray(at + BATCH_HEADER_BYTES, end),
  };
}

/** True for a control batch that aborts its producer's transaction. Its one record's key is i16 version, i16 type. */
export function isAbort({ records }: RecordBatch): boolean {
  // Length, attributes, time and offset deltas of a marker take a byte each, and so does the key's length.
  return records.length >= 9 && records.readInt16BE(7) === CONTROL_ABORT;
}
