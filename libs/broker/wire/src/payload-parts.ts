// The payload of a frame that is written: bytes that are kept by reference.

/** Collects payloads back to back. */
export class PayloadParts {
  readonly parts: Buffer[] = [];
  #length = 0;

  /** Bytes of all parts. */
  get length(): number {
    return this.#length;
  }

  add(payload: Uint8Array): void {
    const { buffer, byteOffset, byteLength } = payload;
    if (byteLength === 0) return;
    this.#length += byteLength;
    const last = this.parts.at(-1);
    // Batches that lie side by side leave in one piece.
    if (last?.buffer === buffer && last.byteOffset + last.byteLength === byteOffset)
      this.parts[this.parts.length - 1] = Buffer.from(buffer, last.byteOffset, last.byteLength + byteLength);
    else this.parts.push(Buffer.from(buffer, byteOffset, byteLength));
  }
}
