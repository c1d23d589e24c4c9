// Memory of the frames that are written to the journal, whose newest payloads stay in it as the tail.
//
// Guarantees: memory is used again, or freed, once everything that was held in it is released, and it is not the slab in
// use. Nobody may look at a payload after its release: who gives it out gives a copy. Bounds: what is held, and a few slabs.

import { freeMemory } from '@pulses/broker-wire';

const SLAB_BYTES = 1024 * 1024;
const SPARE_SLABS = 4;

/** Memory for one frame: `bytes[start, start + length)`. */
export interface Allotment {
  readonly bytes: Uint8Array;
  readonly start: number;
}

export interface Arena {
  /** What was taken before is either held by now or not needed. */
  take(length: number): Allotment;
  /** A payload in these bytes is needed until `release`. */
  hold(bytes: Uint8Array): void;
  release(bytes: Uint8Array): void;
}

export function createArena(): Arena {
  const held = new Map<Uint8Array, number>();
  /** What may be used again. A large frame's own memory is freed, and empty then, also for who comes to hold it too late. */
  const slabs = new WeakSet<Uint8Array>();
  const spare: Uint8Array[] = [];
  let slab: Uint8Array = new Uint8Array(0);
  let used = 0;

  const giveBack = (bytes: Uint8Array): void => {
    if (slabs.has(bytes) && spare.length < SPARE_SLABS) spare.push(bytes);
    else freeMemory(bytes.buffer);
  };

  return {
    take: (length) => {
      if (length > SLAB_BYTES / 2) return { bytes: Buffer.allocUnsafeSlow(length), start: 0 };
      if (used + length > slab.length) {
        if (!held.has(slab)) giveBack(slab);
        slab = spare.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
        slabs.add(slab);
        used = 0;
      }
      used += length;
      return { bytes: slab, start: used - length };
    },
    hold: (bytes) => {
      held.set(bytes, (held.get(bytes) ?? 0) + 1);
    },
    release: (bytes) => {
      const left = held.get(bytes)! - 1; // held before
      if (left > 0) {
        held.set(bytes, left);
        return;
      }
      held.delete(bytes);
      if (bytes !== slab) giveBack(bytes);
    },
  };
}
