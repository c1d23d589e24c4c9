// Keeps the sums of open windows in memory, in columns indexed by key id.
//
// Guarantees: a delta is added once and completely. Does not survive the process; the pipeline rebuilds from the log.
// Bounds: those of the key table.

import type { AggregationEngine, WindowDelta, WindowSums } from '@pulses/aggregation-api';
import { PulsesError } from '@pulses/shared-errors';
import { addAmountAt, AMOUNT_LIMBS } from '@pulses/shared-pulse-model';

const KEYS_AT_FIRST = 1024;

interface WindowColumns {
  keyCount: number;
  isSealed: boolean;
  /** The sums cover the source offsets below this one. */
  nextOffset: number;
  limbs: Float64Array;
  counts: Float64Array;
  firstSeenMs: Float64Array;
  lastSeenMs: Float64Array;
}

export function createMemoryEngine(): AggregationEngine {
  const windows = new Map<number, WindowColumns>();

  const windowAt = (windowStartMs: number): WindowColumns => {
    const window = windows.get(windowStartMs);
    if (window === undefined) throw new TypeError(`no window starts at ${windowStartMs}`);
    return window;
  };

  return {
    name: 'memory',
    supports: { survivesRestart: false },
    open() {
      windows.clear();
      return Promise.resolve(undefined);
    },
    add(delta) {
      const window = windows.get(delta.windowStartMs) ?? emptyColumns(delta.fromOffset);
      if (delta.nextOffset <= window.nextOffset) return;
      if (window.isSealed || delta.fromOffset !== window.nextOffset) throw conflict(delta, window);
      windows.set(delta.windowStartMs, window);
      addRows(window, delta);
      window.nextOffset = delta.nextOffset;
    },
    seal(windowStartMs) {
      const window = windows.get(windowStartMs);
      if (window === undefined) return Promise.resolve(0);
      window.isSealed = true;
      return Promise.resolve(window.keyCount);
    },
    async sums(windowStartMs, fromId, toId) {
      return Promise.resolve(sliceOf(windowAt(windowStartMs), fromId, toId));
    },
    drop(windowStartMs) {
      windows.delete(windowStartMs);
      return Promise.resolve();
    },
    close() {
      windows.clear();
      return Promise.resolve();
    },
  };
}

function conflict(delta: WindowDelta, { isSealed, nextOffset }: WindowColumns): PulsesError {
  return new PulsesError(
    'POSITION_CONFLICT',
    `offsets ${delta.fromOffset} to ${delta.nextOffset} can't be added: the window is ${isSealed ? 'sealed' : 'summed'} up to ${nextOffset}`,
  );
}

function emptyColumns(fromOffset: number): WindowColumns {
  return {
    keyCount: 0,
    isSealed: false,
    nextOffset: fromOffset,
    limbs: new Float64Array(KEYS_AT_FIRST * AMOUNT_LIMBS),
    counts: new Float64Array(KEYS_AT_FIRST),
    firstSeenMs: new Float64Array(KEYS_AT_FIRST),
    lastSeenMs: new Float64Array(KEYS_AT_FIRST),
  };
}

function reserve(window: WindowColumns, keyCount: number): void {
  if (keyCount <= window.counts.length) return;
  const capacity = Math.max(keyCount, window.counts.length * 2);
  const grow = (column: Float64Array, width: number) => {
    const grown = new Float64Array(capacity * width);
    grown.set(column);
    return grown;
  };
  window.limbs = grow(window.limbs, AMOUNT_LIMBS);
  window.counts = grow(window.counts, 1);
  window.firstSeenMs = grow(window.firstSeenMs, 1);
  window.lastSeenMs = grow(window.lastSeenMs, 1);
}

function addRows(window: WindowColumns, delta: WindowDelta): void {
  reserve(window, delta.keys.size);
  const { limbs, counts, firstSeenMs, lastSeenMs } = window;
  for (let row = 0; row < delta.length; row += 1) {
    const id = delta.ids[row] as number;
    addAmountAt(limbs, id * AMOUNT_LIMBS, delta.limbs, row * AMOUNT_LIMBS);
    // Log time never decreases, so the first delta of a key has its first time and the last delta its last.
    if (counts[id] === 0) firstSeenMs[id] = delta.firstSeenMs[row] as number;
    lastSeenMs[id] = delta.lastSeenMs[row] as number;
    counts[id] = (counts[id] as number) + (delta.counts[row] as number);
    if (id >= window.keyCount) window.keyCount = id + 1;
  }
}

function sliceOf(window: WindowColumns, fromId: number, toId: number): WindowSums {
  if (fromId < 0 || toId < fromId || toId > window.keyCount) throw new TypeError(`no keys ${fromId} to ${toId}`);
  return {
    fromId,
    toId,
    limbs: window.limbs.slice(fromId * AMOUNT_LIMBS, toId * AMOUNT_LIMBS),
    counts: window.counts.slice(fromId, toId),
    firstSeenMs: window.firstSeenMs.slice(fromId, toId),
    lastSeenMs: window.lastSeenMs.slice(fromId, toId),
  };
}
