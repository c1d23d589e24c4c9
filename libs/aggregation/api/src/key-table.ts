// Maps the keys of one window, (tenant, SKU, unit) byte strings, to dense ids in order of first appearance.
//
// Guarantees: keys are equal exactly when their bytes are; id `n` is the (n + 1)-th distinct key. Lookups allocate
// nothing. Bounds: `keysMax` keys and `bytesMax` bytes; growth doubles.

import { PulsesError } from '@pulses/shared-errors';
import { hashCoefficients, hashRanges } from './key-hash';

/** The keys of one window, by dense ids in order of first appearance. */
export interface KeyList {
  /** Number of keys. */
  readonly size: number;
  /** The key's bytes: u16le length and bytes of tenant, SKU and unit, in this order. A view: do not change it. */
  bytesOf(id: number): Uint8Array;
}

/** @see createKeyTable */
export interface KeyTable extends KeyList {
  /**
   * The id of the key in three byte ranges of `text`. Adds a new key, so that `size` grows by one.
   * @throws PulsesError WINDOW_FULL for a new key beyond a limit
   */
  idOf(
    text: Uint8Array,
    tenantStart: number,
    tenantEnd: number,
    skuStart: number,
    skuEnd: number,
    unitStart: number,
    unitEnd: number,
  ): number;
}

export interface KeyTableOptions {
  /** Maximum number of keys, up to 2^22. */
  readonly keysMax: number;
  /** Maximum bytes of keys, below 4 GiB. Default: 1 GiB. */
  readonly bytesMax?: number;
  /** Secret seed of the hash, two 32-bit integers. It affects neither ids nor bytes. */
  readonly hashSeed?: readonly [number, number];
}

const KEYS_MAX_LIMIT = 2 ** 22;
const BYTES_MAX_DEFAULT = 2 ** 30;
/** Positions in the arena have 32 bits. */
const BYTES_MAX_LIMIT = 2 ** 32 - 1;
const LENGTH_BYTES = 2;
const RANGE_BYTES_MAX = 0xffff;
const SLOTS_AT_FIRST_LOG2 = 10;
const ARENA_AT_FIRST = 64 * 1024;

/**
 * Creates an empty table: open addressing with linear probing over typed arrays, at most half full.
 *
 * A slot is two integers, the hash of the key and its id + 1 (0 if free). So a probe reads one cache line, and growth
 * reads no key. One arena holds the bytes of all keys in order of ids.
 *
 * @throws TypeError unless `keysMax` is an integer from 1 to 2^22 and `bytesMax` one from 1 to 2^32 - 1
 */
export function createKeyTable(options: KeyTableOptions): KeyTable {
  const { keysMax, bytesMax = BYTES_MAX_DEFAULT, hashSeed = [0, 0] } = options;
  if (!Number.isInteger(keysMax) || keysMax < 1 || keysMax > KEYS_MAX_LIMIT) {
    throw new TypeError(`keysMax must be an integer from 1 to ${KEYS_MAX_LIMIT}, got ${keysMax}`);
  }
  if (!Number.isInteger(bytesMax) || bytesMax < 1 || bytesMax > BYTES_MAX_LIMIT) {
    throw new TypeError(`bytesMax must be an integer from 1 to ${BYTES_MAX_LIMIT}, got ${bytesMax}`);
  }
  return new OpenAddressingTable(keysMax, bytesMax, hashCoefficients(hashSeed[0], hashSeed[1]));
}

class OpenAddressingTable implements KeyTable {
  size = 0;
  private readonly keysMax: number;
  private readonly bytesMax: number;
  private readonly coefficients: Int32Array;
  private slots = new Int32Array(2 << SLOTS_AT_FIRST_LOG2);
  private slotShift = 32 - SLOTS_AT_FIRST_LOG2;
  private slotMask = (1 << SLOTS_AT_FIRST_LOG2) - 1;
  private arena = new Uint8Array(ARENA_AT_FIRST);
  /** Key `id` is `arena[ends[id], ends[id + 1])`. */
  private ends = new Uint32Array((1 << SLOTS_AT_FIRST_LOG2) + 1);

  constructor(keysMax: number, bytesMax: number, coefficients: Int32Array) {
    this.keysMax = keysMax;
    this.bytesMax = bytesMax;
    this.coefficients = coefficients;
  }

  idOf(
    text: Uint8Array,
    tenantStart: number,
    tenantEnd: number,
    skuStart: number,
    skuEnd: number,
    unitStart: number,
    unitEnd: number,
  ): number {
    const hash = hashRanges(this.coefficients, text, tenantStart, tenantEnd, skuStart, skuEnd, unitStart, unitEnd);
    const slots = this.slots;
    let slot = hash >>> this.slotShift;
    for (;;) {
      const entry = slots[2 * slot + 1]!;
      if (entry === 0) break;
      if (slots[2 * slot] === hash) {
        const start = this.ends[entry - 1]!;
        const arena = this.arena;
        const skuAt = start + LENGTH_BYTES + (tenantEnd - tenantStart);
        const unitAt = skuAt + LENGTH_BYTES + (skuEnd - skuStart);
        if (
          rangeIs(arena, start, text, tenantStart, tenantEnd) &&
          rangeIs(arena, skuAt, text, skuStart, skuEnd) &&
          rangeIs(arena, unitAt, text, unitStart, unitEnd)
        ) {
          return entry - 1;
        }
      }
      slot = (slot + 1) & this.slotMask;
    }
    return this.append(hash, text, tenantStart, tenantEnd, skuStart, skuEnd, unitStart, unitEnd);
  }

  bytesOf(id: number): Uint8Array {
    if (!(id >= 0 && id < this.size)) throw new TypeError(`no key has the id ${id}; the table holds ${this.size}`);
    return this.arena.subarray(this.ends[id], this.ends[id + 1]);
  }

  private append(
    hash: number,
    text: Uint8Array,
    tenantStart: number,
    tenantEnd: number,
    skuStart: number,
    skuEnd: number,
    unitStart: number,
    unitEnd: number,
  ): number {
    const id = this.size;
    if (id === this.keysMax) {
      throw new PulsesError('WINDOW_FULL', `The key table is full: limit of ${this.keysMax} keys reached.`);
    }
    const start = this.ends[id]!;
    const end = start + 3 * LENGTH_BYTES + (tenantEnd - tenantStart) + (skuEnd - skuStart) + (unitEnd - unitStart);
    if (end > this.bytesMax) {
      throw new PulsesError('WINDOW_FULL', `The key table is full: limit of ${this.bytesMax} bytes of keys reached.`);
    }
    if (end > this.arena.length) this.growArena(end);
    let at = appendRange(this.arena, start, text, tenantStart, tenantEnd);
    at = appendRange(this.arena, at, text, skuStart, skuEnd);
    appendRange(this.arena, at, text, unitStart, unitEnd);

    // The slots are at most half full, and `ends` has the same capacity.
    if (2 * (id + 1) > this.slotMask + 1) this.growSlots();
    this.ends[id + 1] = end;
    this.place(hash, id);
    this.size = id + 1;
    return id;
  }

  private place(hash: number, id: number): void {
    let slot = hash >>> this.slotShift;
    while (this.slots[2 * slot + 1] !== 0) slot = (slot + 1) & this.slotMask;
    this.slots[2 * slot] = hash;
    this.slots[2 * slot + 1] = id + 1;
  }

  private growArena(bytesNeeded: number): void {
    const arena = new Uint8Array(Math.min(Math.max(2 * this.arena.length, bytesNeeded), this.bytesMax));
    arena.set(this.arena);
    this.arena = arena;
  }

  private growSlots(): void {
    const before = this.slots;
    this.slotShift--;
    this.slotMask = 2 * this.slotMask + 1;
    this.slots = new Int32Array(2 * (this.slotMask + 1));
    for (let i = 0; i < before.length; i += 2) {
      const entry = before[i + 1]!;
      if (entry !== 0) this.place(before[i]!, entry - 1);
    }
    const ends = new Uint32Array(this.slotMask + 2);
    ends.set(this.ends);
    this.ends = ends;
  }
}

/** Whether `arena` holds at `at` the length and bytes of a range of `text`. */
function rangeIs(arena: Uint8Array, at: number, text: Uint8Array, start: number, end: number): boolean {
  const length = end - start;
  if (arena[at] !== (length & 0xff) || arena[at + 1] !== length >>> 8) return false;
  const shift = at + LENGTH_BYTES - start;
  for (let i = start; i < end; i++) {
    if (arena[i + shift] !== text[i]) return false;
  }
  return true;
}

function appendRange(arena: Uint8Array, at: number, text: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length < 0 || length > RANGE_BYTES_MAX) throw new TypeError(`a part of a key has ${length} bytes`);
  arena[at] = length & 0xff;
  arena[at + 1] = length >>> 8;
  arena.set(text.subarray(start, end), at + LENGTH_BYTES);
  return at + LENGTH_BYTES + length;
}
