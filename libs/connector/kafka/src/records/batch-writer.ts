// Writes record batches: lines in, bytes of a batch out.
//
// Guarantees: the records are in the order of the calls. Bounds: a batch ends before `batchBytesMax` of unpacked records;
// only a single record may be larger, and then the broker decides.

import { crc32c } from '@platformatic/kafka';
import { CODEC, compress, type Compression } from './compression';
import { ATTRIBUTE, BATCH_HEADER_BYTES, CRC_END, LENGTH_END } from './record-batch';

const BUFFER_BYTES_INITIAL = 16 * 1024;
/** Of a record: its length, attributes, deltas, lengths of key and value, count of headers. */
const RECORD_OVERHEAD_BYTES_MAX = 5 + 1 + 1 + 5 + 5 + 5 + 1;

/** Whose batch it is; the sequence is of the first record. */
export interface BatchProducer {
  readonly producerId: bigint;
  readonly epoch: number;
  readonly sequence: number;
  readonly isTransactional: boolean;
}

export interface BatchStamp {
  readonly compression: Compression;
  readonly timestampMs: number;
  /** Undefined for a batch that is not idempotent. */
  readonly producer: BatchProducer | undefined;
}

export class BatchWriter {
  readonly #batchBytesMax: number;
  /** Room for the header comes first, so that records that are not packed need no copy. */
  #bytes: Buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES_INITIAL);
  #length = BATCH_HEADER_BYTES;
  #recordCount = 0;

  constructor(batchBytesMax: number) {
    this.#batchBytesMax = batchBytesMax;
  }

  get recordCount(): number {
    return this.#recordCount;
  }

  /** False when the batch has no room for a value of this length: finish it first. */
  hasRoomFor(keyLength: number, valueLength: number): boolean {
    const size = RECORD_OVERHEAD_BYTES_MAX + keyLength + valueLength;
    return this.#recordCount === 0 || this.#length + size <= this.#batchBytesMax;
  }

  /** Appends a record whose value is `source[start, end)`. */
  append(key: Uint8Array | undefined, source: Buffer, start: number, end: number): void {
    const valueLength = end - start;
    const keyLength = key?.length ?? 0;
    const body =
      3 +
      varintLength(this.#recordCount) +
      varintLength(key?.length ?? -1) +
      keyLength +
      varintLength(valueLength) +
      valueLength;
    this.#reserve(5 + body);
    const bytes = this.#bytes;
    let at = putVarint(bytes, this.#length, body);
    bytes[at] = 0; // attributes
    bytes[at + 1] = 0; // time delta
    at = putVarint(bytes, at + 2, this.#recordCount);
    at = putVarint(bytes, at, key?.length ?? -1);
    if (key !== undefined) bytes.set(key, at);
    at = putVarint(bytes, at + keyLength, valueLength);
    source.copy(bytes, at, start, end);
    at += valueLength;
    bytes[at] = 0; // headers
    this.#length = at + 1;
    this.#recordCount += 1;
  }

  /** Appends a record without key and with an empty value, which one header of this name marks. */
  appendMark(header: Buffer): void {
    const body = 6 + varintLength(this.#recordCount) + varintLength(header.length) + header.length;
    this.#reserve(5 + body);
    const bytes = this.#bytes;
    let at = putVarint(bytes, this.#length, body);
    bytes[at] = 0;
    bytes[at + 1] = 0;
    at = putVarint(bytes, at + 2, this.#recordCount);
    at = putVarint(bytes, at, -1); // no key
    at = putVarint(bytes, at, 0); // an empty value
    at = putVarint(bytes, at, 1);
    at = putVarint(bytes, at, header.length);
    bytes.set(header, at);
    this.#length = putVarint(bytes, at + header.length, 0);
    this.#recordCount += 1;
  }

  /** The batch. Its bytes are the writer's own: they stay until `reset`, before which nothing may be appended. */
  finish({ compression, timestampMs, producer }: BatchStamp): Buffer {
    const recordCount = this.#recordCount;
    const batch = packed(this.#bytes.subarray(0, this.#length), compression);
    batch.writeBigInt64BE(0n, 0);
    batch.writeInt32BE(batch.length - LENGTH_END, 8);
    batch.writeInt32BE(-1, 12);
    batch[16] = 2;
    batch.writeInt16BE(
      CODEC[compression] | (producer?.isTransactional === true ? ATTRIBUTE.transactional : 0),
      CRC_END,
    );
    batch.writeInt32BE(recordCount - 1, 23);
    batch.writeBigInt64BE(BigInt(timestampMs), 27);
    batch.writeBigInt64BE(BigInt(timestampMs), 35);
    batch.writeBigInt64BE(producer?.producerId ?? -1n, 43);
    batch.writeInt16BE(producer?.epoch ?? -1, 51);
    batch.writeInt32BE(producer?.sequence ?? -1, 53);
    batch.writeInt32BE(recordCount, 57);
    batch.writeUInt32BE(crc32c(batch.subarray(CRC_END)), 17);
    return batch;
  }

  /** Begins the next batch in the same memory. */
  reset(): void {
    this.#length = BATCH_HEADER_BYTES;
    this.#recordCount = 0;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}

function packed(whole: Buffer, compression: Compression): Buffer {
  if (compression === 'none') return whole;
  const records = compress(compression, whole.subarray(BATCH_HEADER_BYTES));
  const batch = Buffer.allocUnsafeSlow(BATCH_HEADER_BYTES + records.length);
  records.copy(batch, BATCH_HEADER_BYTES);
  return batch;
}

function varintLength(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  if (zigzag < 1 << 7) return 1;
  if (zigzag < 1 << 14) return 2;
  if (zigzag < 1 << 21) return 3;
  return zigzag < 1 << 28 ? 4 : 5;
}

function putVarint(bytes: Buffer, at: number, value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  let next = at;
  while (rest > 127) {
    bytes[next] = (rest & 127) | 128;
    next += 1;
    rest >>>= 7;
  }
  bytes[next] = rest;
  return next + 1;
}
