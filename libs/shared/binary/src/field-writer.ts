import { PulsesError } from '@pulses/shared-errors';
import { TWO_32 } from './u64';

const ID_BYTES = 16;
const STR_BYTES_MAX = 0xffff;
/** Most bytes that UTF-8 takes for one UTF-16 unit. */
const UTF8_BYTES_MAX = 3;
const INITIAL_BYTES = 256;

/**
 * Writes fields back to back. It is made for every message, so it is a class, and there is one class for all formats.
 *
 * `FieldWriter.into` writes into memory of the caller and throws RangeError beyond its end. `FieldWriter.growing` writes
 * into a buffer that grows: `written` returns it.
 */
export class FieldWriter {
  readonly #grows: boolean;
  #buffer: Buffer;
  #capacity: number;
  #at: number;

  private constructor(buffer: Buffer, at: number, grows: boolean) {
    this.#buffer = buffer;
    this.#capacity = buffer.length;
    this.#at = at;
    this.#grows = grows;
  }

  static into(memory: Uint8Array, at = 0): FieldWriter {
    const buffer = Buffer.isBuffer(memory) ? memory : Buffer.from(memory.buffer, memory.byteOffset, memory.byteLength);
    return new FieldWriter(buffer, at, false);
  }

  /** @param reservedBytes left free at the start, for a header */
  static growing(reservedBytes: number): FieldWriter {
    return new FieldWriter(Buffer.allocUnsafe(INITIAL_BYTES), reservedBytes, true);
  }

  /** Where the next field goes. */
  get at(): number {
    return this.#at;
  }

  u8(value: number): void {
    this.#reserve(1);
    this.#at = this.#buffer.writeUInt8(value, this.#at);
  }

  u16(value: number): void {
    this.#reserve(2);
    this.#at = this.#buffer.writeUInt16LE(value, this.#at);
  }

  u32(value: number): void {
    this.#reserve(4);
    this.#at = this.#buffer.writeUInt32LE(value, this.#at);
  }

  u64(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new TypeError(`not an unsigned integer below 2^53: ${value}`);
    this.#reserve(8);
    const at = this.#buffer.writeUInt32LE(value >>> 0, this.#at);
    this.#at = this.#buffer.writeUInt32LE(Math.floor(value / TWO_32), at);
  }

  /** @throws PulsesError MESSAGE_TOO_LARGE */
  str(value: string): void {
    const bytesMax = 2 + value.length * UTF8_BYTES_MAX;
    // Memory of the caller may end right behind the text.
    const hasRoom = this.#grows || this.#at + bytesMax <= this.#capacity;
    this.#reserve(hasRoom ? bytesMax : 2 + Buffer.byteLength(value));
    const written = this.#buffer.write(value, this.#at + 2, 'utf8');
    if (written > STR_BYTES_MAX)
      throw new PulsesError('MESSAGE_TOO_LARGE', `a text of ${written} bytes; at most ${STR_BYTES_MAX} are allowed`);
    this.#buffer.writeUInt16LE(written, this.#at);
    this.#at += 2 + written;
  }

  id(value: string): void {
    this.#reserve(ID_BYTES);
    // It stops at what is no hex digit.
    const written = this.#buffer.write(value, this.#at, 'hex');
    if (written !== ID_BYTES || value.length !== 2 * ID_BYTES)
      throw new TypeError(`not an id of 32 hex digits: ${value}`);
    this.#at += written;
  }

  raw(value: Uint8Array): void {
    this.#reserve(value.byteLength);
    this.#buffer.set(value, this.#at);
    this.#at += value.byteLength;
  }

  /** What is written so far, with what was reserved. The writer is of no use afterwards. */
  written(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  #reserve(count: number): void {
    if (this.#at + count > this.#capacity) this.#grow(count);
  }

  #grow(count: number): void {
    const end = this.#at + count;
    if (!this.#grows) throw new RangeError(`a field of ${count} bytes at ${this.#at} goes beyond ${this.#capacity}`);
    const grown = Buffer.allocUnsafe(Math.max(this.#capacity * 2, end));
    this.#buffer.copy(grown, 0, 0, this.#at);
    this.#buffer = grown;
    this.#capacity = grown.length;
  }
}
