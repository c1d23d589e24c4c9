// Count, bytes and SHA-256 of the lines of a topic, whatever their number.
//
// Two topics with one result hold the same bytes in the same order.
//
// Bounds: `GATHERED_BYTES_MAX` for each topic while all together hold less than `ALL_GATHERED_BYTES_MAX`; beyond that,
// the longest line.

import { createHash, hash, type Hash } from 'node:crypto';
import type { ExpectedLines, OffsetRange } from '../expected/expected-lines';

/** Bytes hashed in one call: a call for each line costs more than the hashing. */
const GATHERED_BYTES_MAX = 4 * 1024;
const ALL_GATHERED_BYTES_MAX = 64 * 1024 * 1024;
/** Longer pieces are hashed without a copy. */
const PIECE_BYTES_MIN = 1024;

/** Bytes that all digests of an audit hold. */
export interface DigestMemory {
  bytes: number;
}

export class LineDigest implements ExpectedLines {
  buffer = Buffer.alloc(0);
  position = 0;
  count = 0;
  /** Source offsets from the first to the last line that was passed over. */
  passedOver: OffsetRange | undefined;
  private hashedBytes = 0;
  private hash: Hash | undefined;

  constructor(
    private readonly memory: DigestMemory,
    readonly fromOffset = 0,
  ) {}

  reserve(bytes: number): void {
    if (this.position + bytes > this.buffer.length) this.makeRoom(bytes);
  }

  wrote(end: number): void {
    this.position = end;
    this.count += 1;
  }

  passOver(fromOffset: number, toOffset: number): void {
    this.passedOver = { fromOffset: this.passedOver?.fromOffset ?? fromOffset, toOffset };
  }

  /** Takes the lines `bytes[start, end)` as they are stored. */
  take(bytes: Buffer, start: number, end: number, count: number): void {
    const length = end - start;
    this.count += count;
    if (length < PIECE_BYTES_MIN) {
      this.reserve(length);
      bytes.copy(this.buffer, this.position, start, end);
      this.position += length;
    } else {
      this.flush();
      this.update(bytes.subarray(start, end));
    }
  }

  /** Ends the digest: count, bytes and hash as text. */
  result(): string {
    const rest = this.buffer.subarray(0, this.position);
    const bytes = this.hashedBytes + rest.length;
    const digest = this.hash === undefined ? hash('sha256', rest) : this.hash.update(rest).digest('hex');
    this.memory.bytes -= this.buffer.length;
    this.buffer = Buffer.alloc(0);
    this.position = 0;
    return `${this.count} lines, ${bytes} bytes, SHA-256 ${digest}`;
  }

  private makeRoom(bytes: number): void {
    const size = this.buffer.length;
    const mayGrow = size < GATHERED_BYTES_MAX && this.memory.bytes < ALL_GATHERED_BYTES_MAX;
    // A short topic is hashed at once in the end, which takes no hash of its own.
    if (!mayGrow || this.position + bytes > GATHERED_BYTES_MAX) this.flush();
    const wanted = Math.max(this.position + bytes, mayGrow ? Math.min(size * 2, GATHERED_BYTES_MAX) : 0);
    if (wanted <= size) return;
    this.memory.bytes += wanted - size;
    const grown = Buffer.allocUnsafeSlow(wanted);
    this.buffer.copy(grown, 0, 0, this.position);
    this.buffer = grown;
  }

  private flush(): void {
    if (this.position === 0) return;
    this.update(this.buffer.subarray(0, this.position));
    this.position = 0;
  }

  private update(bytes: Uint8Array): void {
    this.hash ??= createHash('sha256');
    this.hash.update(bytes);
    this.hashedBytes += bytes.length;
  }
}
