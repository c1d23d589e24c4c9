// Little-endian fields of the formats in docs/formats: a writer over a buffer of known size, a reader that checks
// its bounds.
//
// Whole numbers of 64 bits are two 32-bit halves; values stay below 2^53, so every number is exact.

const HIGH = 0x1_0000_0000;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** UTF-8 bytes of a text. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The bytes from `start` on in a buffer of their own, which keeps nothing else in memory. */
export function copyOf(bytes: Uint8Array, start: number, length: number): Uint8Array {
  const copy = Buffer.allocUnsafeSlow(length);
  copy.set(bytes.subarray(start, start + length));
  return copy;
}

/** Copies `bytes[start, start + length)` to `to[at]`, without a view in between: it is done for every small message. */
export function copyInto(to: Uint8Array, at: number, bytes: Uint8Array, start: number, length: number): void {
  (Buffer.prototype as Buffer).copy.call(bytes, to, at, start, start + length);
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function putU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / HIGH), true);
}

/** NaN when the stored value is 2^53 or more, which no writer makes. */
export function takeU64(view: DataView, at: number): number {
  const value = view.getUint32(at + 4, true) * HIGH + view.getUint32(at, true);
  return Number.isSafeInteger(value) ? value : Number.NaN;
}

/** Bytes of `hex`, two digits each. */
export function bytesOfHex(hex: string): Uint8Array {
  return Buffer.from(hex, 'hex');
}

export function hexOfBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** Writes fields one after the other; the caller has made `bytes` large enough. */
export interface FieldWriter {
  /** Where the next field goes. */
  at: number;
  u8(value: number): void;
  u16(value: number): void;
  u32(value: number): void;
  u64(value: number): void;
  raw(bytes: Uint8Array): void;
  /** Length in 16 bits, then the bytes. */
  short(bytes: Uint8Array): void;
}

export function createFieldWriter(bytes: Uint8Array, at = 0): FieldWriter {
  const view = viewOf(bytes);
  return {
    at,
    u8(value) {
      view.setUint8(this.at, value);
      this.at += 1;
    },
    u16(value) {
      view.setUint16(this.at, value, true);
      this.at += 2;
    },
    u32(value) {
      view.setUint32(this.at, value, true);
      this.at += 4;
    },
    u64(value) {
      putU64(view, this.at, value);
      this.at += 8;
    },
    raw(source) {
      bytes.set(source, this.at);
      this.at += source.length;
    },
    short(source) {
      this.u16(source.length);
      this.raw(source);
    },
  };
}

/** Thrown by a reader whose bytes do not hold the field that should be there. */
export class FieldError extends Error {}

export interface FieldReader {
  at: number;
  readonly end: number;
  u8(): number;
  u16(): number;
  u32(): number;
  u64(): number;
  raw(length: number): Uint8Array;
  short(): Uint8Array;
  text(): string;
}

/** @throws FieldError (from each call) when a field goes beyond `end` or is not valid */
export function createFieldReader(bytes: Uint8Array, at = 0, end = bytes.length): FieldReader {
  const view = viewOf(bytes);
  const claim = (reader: FieldReader, count: number): number => {
    const from = reader.at;
    if (from + count > end) throw new FieldError(`a field of ${count} bytes at ${from} goes beyond ${end}`);
    reader.at = from + count;
    return from;
  };
  return {
    at,
    end,
    u8() {
      return view.getUint8(claim(this, 1));
    },
    u16() {
      return view.getUint16(claim(this, 2), true);
    },
    u32() {
      return view.getUint32(claim(this, 4), true);
    },
    u64() {
      const value = takeU64(view, claim(this, 8));
      if (Number.isNaN(value)) throw new FieldError(`a number at ${this.at - 8} is above 2^53`);
      return value;
    },
    raw(length) {
      const from = claim(this, length);
      return bytes.subarray(from, from + length);
    },
    short() {
      return this.raw(this.u16());
    },
    text() {
      const raw = this.short();
      try {
        return decoder.decode(raw);
      } catch (error) {
        throw new FieldError('a text is not UTF-8', { cause: error });
      }
    },
  };
}
