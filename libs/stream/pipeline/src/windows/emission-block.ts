// A part of a sealed window, in the order in which its sums are emitted: tenant by tenant.
//
// Each tenant in a commit costs a message system something. So the sums of a tenant leave together, whatever the size of a
// commit. A window of many keys is emitted in blocks, which bounds memory.
//
// Guarantees: the order is a pure function of the window's keys: tenants by their first key in the block, keys of a tenant
// by first appearance. Stored positions count keys in this order, so another order or block needs another name there.

import type { AggregationEngine } from '@pulses/aggregation-api';
import { AMOUNT_LIMBS } from '@pulses/shared-pulse-model';
import type { WindowKeys } from './window-keys';

/** The order of a window's keys in what is emitted; `appearance` is that of windows which an earlier version began to emit. */
export type EmissionOrder = 'tenant' | 'appearance';

export const BLOCK_KEYS = 32_768;

export class EmissionBlock {
  /** The block has the keys `[fromId, toId)`. */
  readonly fromId: number;
  readonly toId: number;
  /** By place in the order: the key. */
  readonly ids: Int32Array;
  /** By key from `fromId` on, as in WindowSums. */
  readonly limbs: Float64Array;
  readonly counts: Float64Array;
  readonly firstSeenMs: Float64Array;
  readonly lastSeenMs: Float64Array;
  #loadedId: number;

  /** @param place of one of the block's keys in the window's order */
  constructor(keys: Pick<WindowKeys, 'size' | 'tenantOf'>, order: EmissionOrder, place: number) {
    this.fromId = place - (place % BLOCK_KEYS);
    this.toId = Math.min(keys.size, this.fromId + BLOCK_KEYS);
    this.#loadedId = this.fromId;
    const length = this.toId - this.fromId;
    this.ids = order === 'tenant' ? idsByTenant(keys, this.fromId, this.toId) : idsFrom(this.fromId, length);
    this.limbs = new Float64Array(AMOUNT_LIMBS * length);
    this.counts = new Float64Array(length);
    this.firstSeenMs = new Float64Array(length);
    this.lastSeenMs = new Float64Array(length);
  }

  /** False while sums are to be loaded. */
  get isLoaded(): boolean {
    return this.#loadedId === this.toId;
  }

  /** Loads the sums of the next keys, at most `keysMax`. */
  async load(engine: AggregationEngine, windowStartMs: number, keysMax: number): Promise<void> {
    const toId = Math.min(this.toId, this.#loadedId + keysMax);
    const { limbs, counts, firstSeenMs, lastSeenMs } = await engine.sums(windowStartMs, this.#loadedId, toId);
    const row = this.#loadedId - this.fromId;
    const length = toId - this.#loadedId;
    this.limbs.set(limbs.subarray(0, AMOUNT_LIMBS * length), AMOUNT_LIMBS * row);
    this.counts.set(counts.subarray(0, length), row);
    this.firstSeenMs.set(firstSeenMs.subarray(0, length), row);
    this.lastSeenMs.set(lastSeenMs.subarray(0, length), row);
    this.#loadedId = toId;
  }
}

function idsFrom(fromId: number, length: number): Int32Array {
  return Int32Array.from({ length }, (_, row) => fromId + row);
}

/** A counting sort: sizes by tenant, then places. */
function idsByTenant(keys: Pick<WindowKeys, 'tenantOf'>, fromId: number, toId: number): Int32Array {
  const ranks = new Map<number, number>();
  const rankOf = new Int32Array(toId - fromId);
  const sizes: number[] = [];
  for (let id = fromId; id < toId; id += 1) {
    const tenant = keys.tenantOf(id);
    const rank = ranks.get(tenant) ?? sizes.push(0) - 1;
    if (sizes[rank] === 0) ranks.set(tenant, rank);
    rankOf[id - fromId] = rank;
    sizes[rank] = (sizes[rank] as number) + 1;
  }
  const places: number[] = [];
  let place = 0;
  for (const size of sizes) {
    places.push(place);
    place += size;
  }
  const ids = new Int32Array(toId - fromId);
  for (let id = fromId; id < toId; id += 1) {
    const rank = rankOf[id - fromId] as number;
    const at = places[rank] as number;
    ids[at] = id;
    places[rank] = at + 1;
  }
  return ids;
}
