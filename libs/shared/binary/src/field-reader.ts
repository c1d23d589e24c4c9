import { TWO_32 } from './u64';

const ID_BYTES = 16;
const REPLACEMENT = '\ufffd';
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The bytes do not hold the field that should be there. */
export class FieldError extends Error {}

/** Makes the error that a reader throws. */
export type FieldFailure = (reason: string) => Error;

const fieldError: FieldFailure = (reason) => new FieldError(reason);

/**
 * Reads fields front to back. It is made for every frame, so it is a class, and there is one class for all formats.
 *
 * Every method throws when a field goes beyond the end or is not valid: FieldError, unless the format has an error of
 * its own. The reader is of no use afterwards.
 */
export class FieldReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  readonly #failure: FieldFailure;
  #at: number;

  constructor(bytes: Uint8Array, at = 0, end = bytes.length, failure = fieldError) {
    this.#bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = Math.min(end, bytes.length);
    this.#failure = failure;
    this.#at = at;
  }

  /** Bytes that were not read yet. */
  get remaining(): number {
    return this.#end - this.#at;
  }

  u8(): number {
    return this.#bytes.readUInt8(this.#take(1));
  }

  u16(): number {
    return this.#bytes.readUInt16LE(this.#take(2));
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#take(4));
  }

  u64(): number {
    const at = this.#take(8);
    const value = this.#bytes.readUInt32LE(at + 4) * TWO_32 + this.#bytes.readUInt32LE(at);
    if (value > Number.MAX_SAFE_INTEGER) throw this.#failure('an integer is not below 2^53');
    return value;
  }

  str(): string {
    const length = this.u16();
    const start = this.#take(length);
    // Several times as fast as a strict decoder, which only has to check texts with a replacement character.
    const text = this.#bytes.toString('utf8', start, start + length);
    if (text.includes(REPLACEMENT)) this.#assertUtf8(start, length);
    return text;
  }

  id(): string {
    const start = this.#take(ID_BYTES);
    return this.#bytes.toString('hex', start, start + ID_BYTES);
  }

  /** A view of the next `length` bytes. */
  raw(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** A count of items that take at least `itemBytesMin` each: a u32, unless it was read before. */
  count(itemBytesMin: number, count = this.u32()): number {
    if (count * itemBytesMin > this.remaining) throw this.#failure('a count is larger than the bytes after it');
    return count;
  }

  /** What the reader throws, for a field that is there and means nothing. */
  failure(reason: string): Error {
    return this.#failure(reason);
  }

  /** Throws when bytes are left. */
  expectEnd(): void {
    if (this.remaining !== 0) throw this.#failure(`${this.remaining} bytes are left over`);
  }

  /** Takes `count` bytes and returns where they start. */
  #take(count: number): number {
    const start = this.#at;
    if (this.#end - start < count) throw this.#failure('a field goes beyond the end');
    this.#at = start + count;
    return start;
  }

  #assertUtf8(start: number, length: number): void {
    try {
      strictDecoder.decode(this.#bytes.subarray(start, start + length));
    } catch {
      throw this.#failure('a text is not UTF-8');
    }
  }
}
