// Copies of bytes, and texts and hex digits as bytes.

const encoder = new TextEncoder();

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

/** Bytes of `hex`, two digits each. */
export function bytesOfHex(hex: string): Uint8Array {
  return Buffer.from(hex, 'hex');
}

export function hexOfBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
