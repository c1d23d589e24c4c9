import { PulsesError } from '@pulses/shared-errors';
import { TWO_32 } from './u64';

const ID_BYTES = 16;
const STR_BYTES_MAX = 0xffff;
/** Most bytes that UTF-8 takes for one UTF-16 unit. */
const UTF8_BYTES_MAX = 3;
const INITIAL_BYTES = 256;
/** Shorter `bytes` fields are copied between the small fields; longer ones become parts of their own. */
const COPY_BYTES_MAX = 4096;

/**
 * Writes fields back to back. It is made for every message, so it is a class, and there is one class for all formats.
 *
 * `FieldWriter.into` writes into memory of the caller and throws RangeError beyond its end. `FieldWriter.growing` writes
 * into a buffer that grows and keeps long `bytes` fields by reference: `parts` returns the result.
 */
export class FieldWriter {
  readonly #grows: boolean;
  readonly #done: Uint8Array[] = [];
  #buffer: Buffer;
  #capacity: number;
  #partStart = 0;
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

  /** @param reservedBytes left free at the start of the first part, for a header */
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

  bytes(value: Uint8Array): void {
    this.u32(value.byteLength);
    if (value.byteLength <= COPY_BYTES_MAX || !this.#grows) {
      this.raw(value);
      return;
    }
    // The next fields go after what is written so far, in the same buffer.
    this.#closePart();
    this.#done.push(value);
  }

  /** The fields in parts, to be written back to back. The writer is of no use afterwards. */
  parts(): Uint8Array[] {
    this.#closePart();
    return this.#done;
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

  #closePart(): void {
    if (this.#at > this.#partStart) this.#done.push(this.#buffer.subarray(this.#partStart, this.#at));
    this.#partStart = this.#at;
  }
}
