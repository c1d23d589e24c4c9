// A minimal engine: the reference of the suite, also used to test the pipeline. With a store its sums survive.
//
// Guarantees: those of the interface. All engines over one store share it: the last to open a source fences the others. Bounds: none.

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

interface StoredSource {
  /** By their start. */
  readonly windows: Map<number, StoredWindow>;
  /** The engine that opened it last. */
  owner: object;
}

/** The surviving state of every source. */
export type EngineStore = Map<string, StoredSource>;

export function createEngineStore(): EngineStore {
  return new Map();
}

/** @param store without it the sums end with the engine */
export function createReferenceEngine(store?: EngineStore): AggregationEngine {
  const owner = {};
  const nothing = (): StoredSource => ({ windows: new Map<number, StoredWindow>(), owner });
  let source = nothing();

  /** @throws PulsesError FENCED when another engine has opened the source since */
  const owned = (): Map<number, StoredWindow> => {
    if (source.owner !== owner) throw new PulsesError('FENCED', 'another engine has opened the source');
    return source.windows;
  };
  const windowAt = (windowStartMs: number): StoredWindow => {
    const window = owned().get(windowStartMs);
    if (window === undefined) throw new TypeError(`no window starts at ${windowStartMs}`);
    return window;
  };

  return {
    name: 'reference',
    supports: { survivesRestart: store !== undefined },
    open(identity, fromOffset) {
      source = store === undefined ? nothing() : sourceIn(store, identity, owner);
      const { windows } = source;
      let state: EngineState | undefined;
      for (const [windowStartMs, window] of [...windows]) {
        if (window.fromOffset !== fromOffset) windows.delete(windowStartMs);
        else state = { windowStartMs, fromOffset, nextOffset: window.nextOffset, keys: keysOf(window) };
      }
      return Promise.resolve(state);
    },
    async add(delta) {
      const { windowStartMs, fromOffset, nextOffset } = delta;
      const windows = owned();
      const window = windows.get(windowStartMs) ?? { fromOffset, nextOffset: fromOffset, isSealed: false, rows: [] };
      if (nextOffset <= window.nextOffset) return Promise.resolve();
      if (window.isSealed || fromOffset !== window.nextOffset)
        throw new PulsesError('POSITION_CONFLICT', `offset ${window.nextOffset} is next, not ${fromOffset}`);
      windows.set(windowStartMs, window);
      addRows(window, delta);
      window.nextOffset = nextOffset;
      return Promise.resolve();
    },
    async seal(windowStartMs) {
      const window = owned().get(windowStartMs);
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
    async drop(windowStartMs) {
      owned().delete(windowStartMs);
      return Promise.resolve();
    },
    close() {
      source = nothing();
      return Promise.resolve();
    },
  };
}

/** What the store has of a source, for its new owner. */
function sourceIn(
  store: EngineStore,
  { topic, incarnation, group, windowMs }: EngineSource,
  owner: object,
): StoredSource {
  const name = JSON.stringify([topic, incarnation, group, windowMs]);
  const source = store.get(name) ?? { windows: new Map<number, StoredWindow>(), owner };
  source.owner = owner;
  store.set(name, source);
  return source;
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
