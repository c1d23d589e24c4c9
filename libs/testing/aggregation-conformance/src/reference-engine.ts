// A minimal engine: the reference of the suite, also used to test the pipeline. With a store its sums survive.
//
// Guarantees: those of the interface. All engines over one store share it. Bounds: none.

import {
  createKeyTable,
  type AggregationEngine,
  type EngineSource,
  type EngineState,
  type KeyTable,
  type WindowDelta,
} from '@pulses/aggregation-api';
import { PulsesError } from '@pulses/shared-errors';
import { amountAt, columnOf, setAmount } from './exact-sums';
import type { ExpectedSum } from './test-window';

interface StoredWindow {
  readonly fromOffset: number;
  nextOffset: number;
  isSealed: boolean;
  /** Bytes and sum of each key, by id. */
  readonly rows: { readonly key: Uint8Array; sum: ExpectedSum }[];
}

/** The surviving state: the windows of every source, by their start. */
export type EngineStore = Map<string, Map<number, StoredWindow>>;

export function createEngineStore(): EngineStore {
  return new Map();
}

/** @param store without it the sums end with the engine */
export function createReferenceEngine(store?: EngineStore): AggregationEngine {
  let windows = new Map<number, StoredWindow>();

  const windowAt = (windowStartMs: number): StoredWindow => {
    const window = windows.get(windowStartMs);
    if (window === undefined) throw new TypeError(`no window starts at ${windowStartMs}`);
    return window;
  };

  return {
    name: 'reference',
    supports: { survivesRestart: store !== undefined },
    open(source, fromOffset) {
      windows = store === undefined ? new Map<number, StoredWindow>() : windowsOf(store, source);
      let state: EngineState | undefined;
      for (const [windowStartMs, window] of [...windows]) {
        if (window.fromOffset !== fromOffset) windows.delete(windowStartMs);
        else state = { windowStartMs, fromOffset, nextOffset: window.nextOffset, keys: keysOf(window) };
      }
      return Promise.resolve(state);
    },
    async add(delta) {
      const { windowStartMs, fromOffset, nextOffset } = delta;
      const window = windows.get(windowStartMs) ?? { fromOffset, nextOffset: fromOffset, isSealed: false, rows: [] };
      if (nextOffset <= window.nextOffset) return Promise.resolve();
      if (window.isSealed || fromOffset !== window.nextOffset)
        throw new PulsesError('POSITION_CONFLICT', `offset ${window.nextOffset} is next, not ${fromOffset}`);
      windows.set(windowStartMs, window);
      addRows(window, delta);
      window.nextOffset = nextOffset;
      return Promise.resolve();
    },
    seal(windowStartMs) {
      const window = windows.get(windowStartMs);
      if (window === undefined) return Promise.resolve(0);
      window.isSealed = true;
      return Promise.resolve(window.rows.length);
    },
    async sums(windowStartMs, fromId, toId) {
      const { rows } = windowAt(windowStartMs);
      if (fromId < 0 || toId < fromId || toId > rows.length) throw new TypeError(`no keys ${fromId} to ${toId}`);
      const sums = rows.slice(fromId, toId).map(({ sum }) => sum);
      const limbs = columnOf(sums.length);
      sums.forEach(({ amount }, row) => {
        setAmount(limbs, row, amount);
      });
      return Promise.resolve({
        fromId,
        toId,
        limbs,
        counts: Float64Array.from(sums, ({ count }) => count),
        firstSeenMs: Float64Array.from(sums, ({ firstSeenMs }) => firstSeenMs),
        lastSeenMs: Float64Array.from(sums, ({ lastSeenMs }) => lastSeenMs),
      });
    },
    drop(windowStartMs) {
      windows.delete(windowStartMs);
      return Promise.resolve();
    },
    close() {
      windows = new Map<number, StoredWindow>();
      return Promise.resolve();
    },
  };
}

function windowsOf(
  store: EngineStore,
  { topic, incarnation, group, windowMs }: EngineSource,
): Map<number, StoredWindow> {
  const name = JSON.stringify([topic, incarnation, group, windowMs]);
  const windows = store.get(name) ?? new Map<number, StoredWindow>();
  store.set(name, windows);
  return windows;
}

function addRows({ rows }: StoredWindow, delta: WindowDelta): void {
  for (let row = 0; row < delta.length; row += 1) {
    const id = delta.ids[row] as number;
    const amount = amountAt(delta.limbs, row);
    const count = delta.counts[row] as number;
    const lastSeenMs = delta.lastSeenMs[row] as number;
    const stored = rows[id];
    if (stored === undefined) {
      const firstSeenMs = delta.firstSeenMs[row] as number;
      rows[id] = { key: delta.keys.bytesOf(id).slice(), sum: { amount, count, firstSeenMs, lastSeenMs } };
    } else {
      const { sum } = stored;
      stored.sum = { ...sum, amount: sum.amount + amount, count: sum.count + count, lastSeenMs };
    }
  }
}

function keysOf({ rows }: StoredWindow): KeyTable {
  const keys = createKeyTable({ keysMax: Math.max(1, rows.length) });
  for (const { key } of rows) {
    const view = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
    const tenantEnd = 2 + view.readUInt16LE(0);
    const skuEnd = tenantEnd + 2 + view.readUInt16LE(tenantEnd);
    keys.idOf(key, 2, tenantEnd, tenantEnd + 2, skuEnd, skuEnd + 2, key.byteLength);
  }
  return keys;
}
