// The keys (tenant, SKU, unit) of a source, found by their bytes.
//
// All data of a key is adjacent in one buffer: with many keys, a lookup is bound by memory latency.
//
//   entry = id:i32 tenant:i32, then u16le length and bytes of tenant, SKU and unit
//
// Bounds: the labels and a few numbers of each key. `clear` forgets all keys.

import type { PulseFields } from './pulse-parser.fast';
import type { Message } from './message-parser';

const SLOTS_MIN = 4096;
const ARENA_BYTES_MIN = 64 * 1024;
const MULTIPLIER = 0x01000193;

/** Entries are aligned to it. */
const WORD_BYTES = 4;
/** Bytes before the labels. */
const NUMBERS_BYTES = 2 * WORD_BYTES;

export class Keys {
  count = 0;
  /** Pairs of hash and entry + 1, which is 0 in a free slot. */
  private slots = new Int32Array(2 * SLOTS_MIN);
  /** By id. */
  private entries = new Int32Array(SLOTS_MIN);
  private arena = Buffer.alloc(ARENA_BYTES_MIN);
  /** The same memory as 32-bit integers. */
  private words = new Int32Array(this.arena.buffer);
  private arenaEnd = 0;

  /**
   * @param seed secret, so that keys can't be chosen to collide
   * @param tenantNumberOf a number for the tenant of a new key, kept with the key
   */
  constructor(
    private readonly seed: number,
    private readonly tenantNumberOf: (tenant: Buffer) => number,
  ) {}

  /**
   * The entry of the pulse's key, as an index of `words` that is valid until `clear`. Adds the key when it is new.
   * @param hash as `load` gave it
   */
  entryOf(pulse: PulseFields, hash = this.hashOf(pulse)): number {
    const { slots } = this;
    const mask = slots.length / 2 - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = (slots[2 * slot + 1] as number) - 1;
      if (entry < 0) return this.add(hash, slot, pulse);
      if (slots[2 * slot] === hash && this.isSame(entry, pulse)) return entry;
    }
  }

  /** Dense from 0, in order of first appearance. */
  idOf(entry: number): number {
    return this.words[entry] as number;
  }

  tenantOf(entry: number): number {
    return this.words[entry + 1] as number;
  }

  /** The entry of an id. */
  entryAt(id: number): number {
    return this.entries[id] as number;
  }

  /** u16le length and bytes of tenant, SKU and unit; valid until the next new key. */
  labelBytesOf(entry: number): Buffer {
    const { arena } = this;
    const start = entry * WORD_BYTES + NUMBERS_BYTES;
    let end = start;
    for (let label = 0; label < 3; label += 1) end += 2 + arena.readUInt16LE(end);
    return arena.subarray(start, end);
  }

  /**
   * Prefetches what `entryOf` will read. Fills in each pulse's hash and the likely id of its key, 0 for a new key. A
   * message that is no pulse gets any hash and key.
   */
  load(messages: readonly Message[], count: number, hashes: Int32Array, likelyIds: Int32Array): void {
    const { slots, words } = this;
    const mask = slots.length / 2 - 1;
    for (let index = 0; index < count; index += 1) hashes[index] = this.hashOf((messages[index] as Message).pulse);
    // A loop for each step: its loads are independent, so the processor overlaps them.
    for (let index = 0; index < count; index += 1)
      likelyIds[index] = Math.max(0, (slots[2 * ((hashes[index] as number) & mask) + 1] as number) - 1);
    for (let index = 0; index < count; index += 1) likelyIds[index] = words[likelyIds[index] as number] as number;
  }

  clear(): void {
    this.slots = new Int32Array(2 * SLOTS_MIN);
    this.entries = new Int32Array(SLOTS_MIN);
    this.count = 0;
    this.setArena(Buffer.alloc(ARENA_BYTES_MIN));
    this.arenaEnd = 0;
  }

  private setArena(arena: Buffer<ArrayBuffer>): void {
    this.arena = arena;
    this.words = new Int32Array(arena.buffer);
  }

  private hashOf({ text, tenantStart, tenantEnd, skuStart, skuEnd, unitStart, unitEnd }: PulseFields): number {
    let hash = mix(this.seed, text, tenantStart, tenantEnd);
    hash = mix(hash, text, skuStart, skuEnd);
    return finish(mix(hash, text, unitStart, unitEnd));
  }

  private add(hash: number, slot: number, pulse: PulseFields): number {
    const bytes = keyBytesOf(pulse);
    const tenant = this.tenantNumberOf(labelsOf(bytes)[0]);
    const id = this.count;
    this.count += 1;
    const entryBytes = Math.ceil((NUMBERS_BYTES + bytes.length) / WORD_BYTES) * WORD_BYTES;
    this.makeRoom(entryBytes);
    const entry = this.arenaEnd / WORD_BYTES;
    this.words[entry] = id;
    this.words[entry + 1] = tenant;
    bytes.copy(this.arena, this.arenaEnd + NUMBERS_BYTES);
    this.arenaEnd += entryBytes;
    this.entries[id] = entry;
    this.slots[2 * slot] = hash;
    this.slots[2 * slot + 1] = entry + 1;
    if (this.count * 4 > this.slots.length) this.growSlots();
    return entry;
  }

  /** @param bytes of the entry, a multiple of WORD_BYTES; so is the arena's size then */
  private makeRoom(bytes: number): void {
    if (this.count > this.entries.length) {
      const entries = new Int32Array(this.entries.length * 2);
      entries.set(this.entries);
      this.entries = entries;
    }
    if (this.arenaEnd + bytes <= this.arena.length) return;
    const arena = Buffer.allocUnsafeSlow(Math.max(this.arena.length * 2, this.arenaEnd + bytes));
    this.arena.copy(arena, 0, 0, this.arenaEnd);
    this.setArena(arena);
  }

  private growSlots(): void {
    const old = this.slots;
    this.slots = new Int32Array(old.length * 2);
    const mask = old.length - 1;
    for (let at = 0; at < old.length; at += 2) {
      if (old[at + 1] === 0) continue;
      const hash = old[at] as number;
      let slot = hash & mask;
      while (this.slots[2 * slot + 1] !== 0) slot = (slot + 1) & mask;
      this.slots[2 * slot] = hash;
      this.slots[2 * slot + 1] = old[at + 1] as number;
    }
  }

  private isSame(entry: number, pulse: PulseFields): boolean {
    const { text, tenantStart, tenantEnd, skuStart, skuEnd, unitStart, unitEnd } = pulse;
    const { arena } = this;
    const skuAt = endOfEqualLabel(arena, entry * WORD_BYTES + NUMBERS_BYTES, text, tenantStart, tenantEnd);
    const unitAt = skuAt < 0 ? -1 : endOfEqualLabel(arena, skuAt, text, skuStart, skuEnd);
    return unitAt >= 0 && endOfEqualLabel(arena, unitAt, text, unitStart, unitEnd) >= 0;
  }
}

/** Tenant, SKU and unit of key bytes. */
export function labelsOf(key: Buffer): [tenant: Buffer, sku: Buffer, unit: Buffer] {
  const tenantEnd = 2 + key.readUInt16LE(0);
  const skuEnd = tenantEnd + 2 + key.readUInt16LE(tenantEnd);
  return [key.subarray(2, tenantEnd), key.subarray(tenantEnd + 2, skuEnd), key.subarray(skuEnd + 2)];
}

/** u16le length and bytes of each label. */
export function keyBytes(labels: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    labels.flatMap((label) => {
      const length = Buffer.alloc(2);
      length.writeUInt16LE(label.length);
      return [length, label];
    }),
  );
}

function keyBytesOf({ text, tenantStart, tenantEnd, skuStart, skuEnd, unitStart, unitEnd }: PulseFields): Buffer {
  return keyBytes([
    text.subarray(tenantStart, tenantEnd),
    text.subarray(skuStart, skuEnd),
    text.subarray(unitStart, unitEnd),
  ]);
}

function mix(hash: number, bytes: Uint8Array, start: number, end: number): number {
  let mixed = Math.imul(hash ^ (end - start), MULTIPLIER);
  for (let at = start; at < end; at += 1) mixed = Math.imul(mixed ^ (bytes[at] as number), MULTIPLIER);
  return mixed;
}

function finish(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return mixed ^ (mixed >>> 13);
}

/** The position after the label at `at` of key bytes when it equals the range of the text; else -1. */
function endOfEqualLabel(bytes: Buffer, at: number, text: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (bytes[at] !== (length & 0xff) || bytes[at + 1] !== length >>> 8) return -1;
  const shift = at + 2 - start;
  for (let index = start; index < end; index += 1) if (text[index] !== bytes[index + shift]) return -1;
  return at + 2 + length;
}
