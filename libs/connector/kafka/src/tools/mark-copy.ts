// Copies a mark, although a process that was overtaken may copy an older one: nothing fences the copy.
//
// Guarantees: once every process that copies has settled, the copy holds the bits of all of them, whichever wrote last. A
// process that was killed or paused between its reads and its write may take bits from the copy: it puts them back from the
// mark when it wakes, or the next process does at its start. Too late is when Kafka has forgotten the mark.
// Bounds: WRITES_MAX.

import type { MarkChange } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import { unionOf } from './redriven-mark';

/** One more is needed only when another process has changed the mark or the copy meanwhile. */
const WRITES_MAX = 256;

export type MarkBits = Pick<MarkChange, 'offset' | 'metadata'>;

/** Where one mark and its copy are stored. */
export interface MarkStore {
  /** Undefined when nothing is stored. */
  readMark(): Promise<MarkBits | undefined>;
  readCopy(): Promise<MarkBits | undefined>;
  writeCopy(bits: MarkBits): Promise<void>;
}

/**
 * Adds the bits, the mark and the copy as they are stored to the copy.
 * @throws PulsesError FENCED when other processes change the copy all the time; the store's
 */
export async function copyMark(store: MarkStore, bits: MarkBits): Promise<void> {
  let wanted = bits;
  for (let writes = 0; ; writes += 1) {
    const copy = await store.readCopy();
    const mark = await store.readMark();
    for (const stored of [copy, mark]) if (stored !== undefined) wanted = unionOf(wanted, stored);
    if (copy !== undefined && isSame(copy, wanted)) return;
    if (writes === WRITES_MAX) throw new PulsesError('FENCED', 'other processes change the marks of redriven letters');
    await store.writeCopy({ offset: wanted.offset, metadata: wanted.metadata });
  }
}

function isSame(one: MarkBits, other: MarkBits): boolean {
  return one.offset === other.offset && one.metadata === other.metadata;
}
