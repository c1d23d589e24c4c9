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

/** A frame body under construction: small fields in one growing buffer, large byte fields by reference. */
export interface BodyWriter {
  u8(value: number): void;
  u16(value: number): void;
  u32(value: number): void;
  u64(value: number): void;
  str(value: string): void;
  id(value: string): void;
  bytes(value: Uint8Array): void;
  /** The body as parts to be written back to back; the writer is not used afterwards. */
  parts(): Uint8Array[];
}

/** @param reservedBytes left free at the start of the first part, for a header */
export function createBodyWriter(reservedBytes: number): BodyWriter {
  const parts: Uint8Array[] = [];
  let buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  let partStart = 0;
  let position = reservedBytes;

  const reserve = (count: number) => {
    if (position + count <= buffer.byteLength) return;
    const grown = Buffer.allocUnsafe(Math.max(buffer.byteLength * 2, position + count));
    buffer.copy(grown, 0, 0, position);
    buffer = grown;
  };
  const closePart = () => {
    if (position > partStart) parts.push(buffer.subarray(partStart, position));
    partStart = position;
  };

  return {
    u8(value) {
      reserve(1);
      position = buffer.writeUInt8(value, position);
    },
    u16(value) {
      reserve(2);
      position = buffer.writeUInt16LE(value, position);
    },
    u32(value) {
      reserve(4);
      position = buffer.writeUInt32LE(value, position);
    },
    u64(value) {
      if (!Number.isSafeInteger(value) || value < 0) throw new TypeError(`not an unsigned integer below 2^53: ${value}`);
      reserve(8);
      position = buffer.writeUInt32LE(value % TWO_32, position);
      position = buffer.writeUInt32LE(Math.floor(value / TWO_32), position);
    },
    str(value) {
      // Three bytes a UTF-16 unit are the most that UTF-8 takes.
      reserve(2 + value.length * 3);
      const written = buffer.write(value, position + 2, 'utf8');
      if (written > 0xffff) throw new PulsesError('MESSAGE_TOO_LARGE', `a text of ${written} bytes; at most 65535 are allowed`);
      buffer.writeUInt16LE(written, position);
      position += 2 + written;
    },
    id(value) {
      if (!ID_PATTERN.test(value)) throw new TypeError(`not an id of 32 hex digits: ${value}`);
      reserve(ID_BYTES);
      position += buffer.write(value, position, 'hex');
    },
    bytes(value) {
      this.u32(value.byteLength);
      if (value.byteLength <= COPY_BYTES_MAX) {
        reserve(value.byteLength);
        buffer.set(value, position);
        position += value.byteLength;
      } else {
        closePart();
        // What is written so far stays where it is: the next fields go behind it, in the same buffer.
        parts.push(value);
      }
    },
    parts() {
      closePart();
      return parts;
    },
  };
}

/** Reads fields from a body, front to back. */
export interface BodyReader {
  u8(): number;
  u16(): number;
  u32(): number;
  u64(): number;
  str(): string;
  id(): string;
  /** A view into the body. */
  bytes(): Uint8Array;
  /** A u32 count of items that take at least `itemBytesMin` each. */
  count(itemBytesMin: number): number;
  /** @throws PulsesError PROTOCOL_VIOLATION when bytes are left */
  end(): void;
}

/** Every method throws PulsesError PROTOCOL_VIOLATION when the body does not hold what is asked for. */
export function createBodyReader(body: Uint8Array): BodyReader {
  const view = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  let position = 0;

  const take = (count: number): number => {
    const start = position;
    if (view.byteLength - start < count) throw violation('the body is too short');
    position = start + count;
    return start;
  };
  const u32 = () => view.readUInt32LE(take(4));

  return {
    u8: () => view.readUInt8(take(1)),
    u16: () => view.readUInt16LE(take(2)),
    u32,
    u64: () => {
      const low = u32();
      const value = u32() * TWO_32 + low;
      if (value > Number.MAX_SAFE_INTEGER) throw violation('an integer is not below 2^53');
      return value;
    },
    str: () => {
      const length = view.readUInt16LE(take(2));
      const start = take(length);
      // Several times as fast as a strict decoder, which only has to look at what may have been replaced.
      const text = view.toString('utf8', start, start + length);
      if (text.includes(REPLACEMENT)) assertUtf8(view.subarray(start, start + length));
      return text;
    },
    id: () => {
      const start = take(ID_BYTES);
      return view.toString('hex', start, start + ID_BYTES);
    },
    bytes: () => {
      const length = u32();
      const start = take(length);
      return view.subarray(start, start + length);
    },
    count: (itemBytesMin) => {
      const count = u32();
      if (count * itemBytesMin > view.byteLength - position) throw violation('a count is larger than the body');
      return count;
    },
    end: () => {
      if (position !== view.byteLength) throw violation(`${view.byteLength - position} bytes are left over`);
    },
  };
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
