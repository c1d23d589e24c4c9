// Reading and writing of the fields inside a frame. Little-endian throughout.
//
//   u16, u32    unsigned integers
//   u64         unsigned, always below 2^53 here
//   str         u16 length, that many bytes of UTF-8
//   id          16 bytes, as 32 hex digits in memory
//   bytes       u32 length, that many bytes

import { PulsesError } from '@pulses/shared-errors';

const TWO_32 = 2 ** 32;
const ID_BYTES = 16;
const ID_PATTERN = /^[0-9a-f]{32}$/;
const INITIAL_BYTES = 256;
/** Byte fields below this size are copied between the small fields, larger ones are kept as parts of their own. */
const COPY_BYTES_MAX = 4096;

const REPLACEMENT = '\ufffd';
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * A frame body under construction: small fields in one growing buffer, large byte fields by reference. One is made for
 * every message, so its methods are shared.
 */
export class BodyWriter {
  private readonly done: Uint8Array[] = [];
  private buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  private partStart = 0;
  private position: number;

  /** @param reservedBytes left free at the start of the first part, for a header */
  constructor(reservedBytes: number) {
    this.position = reservedBytes;
  }

  u8(value: number): void {
    this.reserve(1);
    this.position = this.buffer.writeUInt8(value, this.position);
  }

  u16(value: number): void {
    this.reserve(2);
    this.position = this.buffer.writeUInt16LE(value, this.position);
  }

  u32(value: number): void {
    this.reserve(4);
    this.position = this.buffer.writeUInt32LE(value, this.position);
  }

  u64(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new TypeError(`not an unsigned integer below 2^53: ${value}`);
    this.u32(value % TWO_32);
    this.u32(Math.floor(value / TWO_32));
  }

  str(value: string): void {
    // Three bytes a UTF-16 unit are the most that UTF-8 takes.
    this.reserve(2 + value.length * 3);
    const written = this.buffer.write(value, this.position + 2, 'utf8');
    if (written > 0xffff)
      throw new PulsesError('MESSAGE_TOO_LARGE', `a text of ${written} bytes; at most 65535 are allowed`);
    this.buffer.writeUInt16LE(written, this.position);
    this.position += 2 + written;
  }

  id(value: string): void {
    if (!ID_PATTERN.test(value)) throw new TypeError(`not an id of 32 hex digits: ${value}`);
    this.reserve(ID_BYTES);
    this.position += this.buffer.write(value, this.position, 'hex');
  }

  bytes(value: Uint8Array): void {
    this.u32(value.byteLength);
    if (value.byteLength <= COPY_BYTES_MAX) {
      this.reserve(value.byteLength);
      this.buffer.set(value, this.position);
      this.position += value.byteLength;
    } else {
      this.closePart();
      // What is written so far stays where it is: the next fields go behind it, in the same buffer.
      this.done.push(value);
    }
  }

  /** The body as parts to be written back to back; the writer is not used afterwards. */
  parts(): Uint8Array[] {
    this.closePart();
    return this.done;
  }

  private reserve(count: number): void {
    const { buffer, position } = this;
    if (position + count <= buffer.byteLength) return;
    this.buffer = Buffer.allocUnsafe(Math.max(buffer.byteLength * 2, position + count));
    buffer.copy(this.buffer, 0, 0, position);
  }

  private closePart(): void {
    const { buffer, partStart, position } = this;
    if (position > partStart) this.done.push(buffer.subarray(partStart, position));
    this.partStart = position;
  }
}

/**
 * Reads fields from a body, front to back. One is made for every frame, so its methods are shared. Every method throws
 * PulsesError PROTOCOL_VIOLATION when the body does not hold what is asked for.
 */
export class BodyReader {
  private readonly view: Buffer;
  private position = 0;

  constructor(body: Uint8Array) {
    this.view = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  }

  u8(): number {
    return this.view.readUInt8(this.take(1));
  }

  u16(): number {
    return this.view.readUInt16LE(this.take(2));
  }

  u32(): number {
    return this.view.readUInt32LE(this.take(4));
  }

  u64(): number {
    const low = this.u32();
    const value = this.u32() * TWO_32 + low;
    if (value > Number.MAX_SAFE_INTEGER) throw violation('an integer is not below 2^53');
    return value;
  }

  str(): string {
    const length = this.u16();
    const start = this.take(length);
    // Several times as fast as a strict decoder, which only has to look at what may have been replaced.
    const text = this.view.toString('utf8', start, start + length);
    if (text.includes(REPLACEMENT)) assertUtf8(this.view.subarray(start, start + length));
    return text;
  }

  id(): string {
    const start = this.take(ID_BYTES);
    return this.view.toString('hex', start, start + ID_BYTES);
  }

  /** A view into the body. */
  bytes(): Uint8Array {
    const length = this.u32();
    const start = this.take(length);
    return this.view.subarray(start, start + length);
  }

  /** A u32 count of items that take at least `itemBytesMin` each. */
  count(itemBytesMin: number): number {
    const count = this.u32();
    if (count * itemBytesMin > this.view.byteLength - this.position) throw violation('a count is larger than the body');
    return count;
  }

  /** @throws PulsesError PROTOCOL_VIOLATION when bytes are left */
  end(): void {
    const left = this.view.byteLength - this.position;
    if (left !== 0) throw violation(`${left} bytes are left over`);
  }

  /** Where `count` bytes start, which are read with that. */
  private take(count: number): number {
    const start = this.position;
    if (this.view.byteLength - start < count) throw violation('the body is too short');
    this.position = start + count;
    return start;
  }
}

function assertUtf8(bytes: Uint8Array): void {
  try {
    decoder.decode(bytes);
  } catch {
    throw violation('a text is not UTF-8');
  }
}

/** A PROTOCOL_VIOLATION with its reason. */
export function violation(reason: string): PulsesError {
  return new PulsesError('PROTOCOL_VIOLATION', `not a valid frame: ${reason}`);
}
