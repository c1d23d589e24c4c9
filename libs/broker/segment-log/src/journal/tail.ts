// The newest part of the journal in memory: frames are made here, written from here, and read from here while they stay.
//
// A slab is a copy of a range of one segment, so a place in the journal is a place in a slab. Guarantees: nothing in a slab
// changes once it is settled; memory is used again only after its slab was dropped, so readers copy what they give out.
// Bounds: `bytesMax`, what is being written, and a few spare slabs.

import { freeMemory } from '@pulses/broker-wire';

/** Room for the largest usual commit: memory that is used again costs no page faults. */
const SLAB_BYTES_MAX = 8 * 1024 * 1024;
const SLABS_A_TAIL = 8;
const SPARE_SLABS = 2;

export interface Slab {
  readonly bytes: Buffer;
  readonly view: DataView;
  readonly segmentFirstLsn: number;
  /** Position of its first byte in the segment. */
  readonly from: number;
  used: number;
}

export class Tail {
  readonly #bytesMax: number;
  readonly #slabBytes: number;
  readonly #spare: Buffer[] = [];
  #slabs: Slab[] = [];
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#slabBytes = Math.min(SLAB_BYTES_MAX, Math.ceil(bytesMax / SLABS_A_TAIL / 8) * 8);
  }

  /** Memory of the journal's next `length` bytes; both are multiples of 8. @returns where it lies, at the slab's end */
  take(segmentFirstLsn: number, position: number, length: number): Slab {
    const newest = this.#slabs.at(-1);
    const isNext = newest?.segmentFirstLsn === segmentFirstLsn && newest.from + newest.used === position;
    if (newest !== undefined && isNext && newest.used + length <= newest.bytes.length) {
      newest.used += length;
      return newest;
    }
    const bytes = this.#memory(length);
    const slab = { bytes, view: new DataView(bytes.buffer), segmentFirstLsn, from: position, used: length };
    this.#slabs.push(slab);
    this.#bytes += bytes.length;
    return slab;
  }

  /** The bytes from a position of the newest segment on, as they are to be written. */
  buffersFrom(position: number): Uint8Array[] {
    const buffers: Uint8Array[] = [];
    for (let index = this.#slabs.length - 1; index >= 0; index -= 1) {
      const slab = this.#slabs[index]!; // in range
      const start = Math.max(0, position - slab.from);
      if (start < slab.used) buffers.unshift(slab.bytes.subarray(start, slab.used));
      if (slab.from <= position) break;
    }
    return buffers;
  }

  /** What was taken from this position on was not written. */
  takeBack(position: number): void {
    for (;;) {
      const slab = this.#slabs.at(-1);
      if (slab === undefined) return;
      if (slab.from < position) {
        slab.used = Math.min(slab.used, position - slab.from);
        return;
      }
      this.#slabs.pop();
      this.#release(slab);
    }
  }

  /** What was taken is written and applied: the oldest slabs go. */
  settle(): void {
    if (this.#bytes <= this.#bytesMax) return;
    let gone = 0;
    while (gone < this.#slabs.length && this.#bytes > this.#bytesMax) this.#release(this.#slabs[gone++]!); // in range
    this.#slabs = this.#slabs.slice(gone);
  }

  /** The slab with a place of the journal; undefined when it has left memory. */
  slabAt(segmentFirstLsn: number, position: number): Slab | undefined {
    // There are few, and readers are near the end.
    const found = this.#slabs.findLast((slab) => slab.segmentFirstLsn === segmentFirstLsn && slab.from <= position);
    return found !== undefined && position < found.from + found.used ? found : undefined;
  }

  #memory(length: number): Buffer {
    if (length > this.#slabBytes) return Buffer.allocUnsafeSlow(length);
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.#slabBytes);
  }

  #release({ bytes }: Slab): void {
    this.#bytes -= bytes.length;
    if (bytes.length === this.#slabBytes && this.#spare.length < SPARE_SLABS) this.#spare.push(bytes);
    else freeMemory(bytes.buffer);
  }
}
