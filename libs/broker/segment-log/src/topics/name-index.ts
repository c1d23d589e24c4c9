// Names of topics as bytes in one arena, found by a hash table of row numbers: no string and no object for a topic.
//
// Guarantees: two rows never have the same name. Bounds: 4 GiB of names; half of the arena at most is unused.

import { grown } from './grown';

const ARENA_BYTES_INITIAL = 4_096;
const SLOTS_INITIAL = 256;
const FREE = 0;
const REMOVED = 0xffff_ffff;

export class NameIndex {
  #arena = Buffer.allocUnsafeSlow(ARENA_BYTES_INITIAL);
  #arenaEnd = 0;
  #unusedBytes = 0;
  /** By row. */
  #starts = new Uint32Array(SLOTS_INITIAL);
  #lengths = new Uint16Array(SLOTS_INITIAL);
  #hashes = new Uint32Array(SLOTS_INITIAL);
  /** Row + 1, FREE or REMOVED. */
  #slots = new Uint32Array(SLOTS_INITIAL);
  #taken = 0;
  #count = 0;

  /** Row of the name; -1 when there is none. */
  find(name: string): number {
    const hash = hashOf(name);
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const found = this.#slots[slot]!; // masked
      if (found === FREE) return -1;
      if (found !== REMOVED && this.#hashes[found - 1] === hash && this.#isName(found - 1, name)) return found - 1;
    }
  }

  /** Gives the row a name that no row has. */
  add(row: number, name: string): void {
    if ((this.#taken + 1) * 2 > this.#slots.length) this.#rehash();
    this.#growRows(row + 1);
    const length = Buffer.byteLength(name);
    this.#growArena(length);
    this.#starts[row] = this.#arenaEnd;
    this.#lengths[row] = length;
    this.#arena.write(name, this.#arenaEnd);
    this.#arenaEnd += length;
    this.#hashes[row] = hashOf(name);
    this.#put(row);
    this.#count += 1;
  }

  remove(row: number): void {
    const mask = this.#slots.length - 1;
    let slot = this.#hashes[row]! & mask; // rows have hashes
    while (this.#slots[slot] !== row + 1) slot = (slot + 1) & mask;
    this.#slots[slot] = REMOVED;
    this.#unusedBytes += this.#lengths[row]!; // rows have lengths
    this.#lengths[row] = 0;
    this.#count -= 1;
    if (this.#unusedBytes > this.#arena.length / 2) this.#compact();
  }

  nameOf(row: number): string {
    const start = this.#starts[row]!; // rows have starts
    return this.#arena.toString('utf8', start, start + this.#lengths[row]!);
  }

  /** The names of rows, back to back. */
  copyOf(rows: Uint32Array): { nameLengths: Uint16Array; names: Uint8Array } {
    const nameLengths = new Uint16Array(rows.length);
    let length = 0;
    for (let index = 0; index < rows.length; index += 1) {
      nameLengths[index] = this.#lengths[rows[index]!]!; // rows have lengths
      length += nameLengths[index]!;
    }
    const names = Buffer.allocUnsafeSlow(length);
    let [from, to, at] = [0, 0, 0];
    // Names that were added one after the other lie so: they are copied together.
    for (let index = 0; index <= rows.length; index += 1) {
      const start = index < rows.length ? this.#starts[rows[index]!]! : -1; // rows have starts
      if (start !== to) {
        at += this.#arena.copy(names, at, from, to);
        from = start;
        to = start;
      }
      if (index < rows.length) to += nameLengths[index]!; // as many
    }
    return { nameLengths, names };
  }

  #isName(row: number, name: string): boolean {
    const start = this.#starts[row]!; // rows have starts
    const length = this.#lengths[row]!;
    if (length !== name.length) return length > name.length && this.nameOf(row) === name;
    // As long in bytes as in units: all of it is ASCII, or they differ.
    for (let index = 0; index < length; index += 1) {
      if (this.#arena[start + index] !== name.charCodeAt(index)) return false;
    }
    return true;
  }

  #put(row: number): void {
    const mask = this.#slots.length - 1;
    let slot = this.#hashes[row]! & mask; // rows have hashes
    while (this.#slots[slot] !== FREE && this.#slots[slot] !== REMOVED) slot = (slot + 1) & mask;
    if (this.#slots[slot] === FREE) this.#taken += 1;
    this.#slots[slot] = row + 1;
  }

  #rehash(): void {
    const rows = this.#slots.filter((slot) => slot !== FREE && slot !== REMOVED);
    let size = this.#slots.length;
    while ((this.#count + 1) * 4 > size) size *= 2;
    this.#slots = new Uint32Array(size);
    this.#taken = 0;
    for (const slot of rows) this.#put(slot - 1);
  }

  #growRows(count: number): void {
    if (count <= this.#starts.length) return;
    const size = this.#starts.length * 2;
    this.#starts = grown(this.#starts, size);
    this.#hashes = grown(this.#hashes, size);
    this.#lengths = grown(this.#lengths, size);
  }

  #growArena(length: number): void {
    if (this.#arenaEnd + length <= this.#arena.length) return;
    const arena = Buffer.allocUnsafeSlow(Math.max(this.#arena.length * 2, this.#arenaEnd + length));
    this.#arena.copy(arena, 0, 0, this.#arenaEnd);
    this.#arena = arena;
  }

  #compact(): void {
    const arena = Buffer.allocUnsafeSlow(Math.max(ARENA_BYTES_INITIAL, (this.#arenaEnd - this.#unusedBytes) * 2));
    let end = 0;
    for (const slot of this.#slots) {
      if (slot === FREE || slot === REMOVED) continue;
      const start = this.#starts[slot - 1]!; // rows have starts
      const length = this.#lengths[slot - 1]!;
      this.#arena.copy(arena, end, start, start + length);
      this.#starts[slot - 1] = end;
      end += length;
    }
    this.#arena = arena;
    this.#arenaEnd = end;
    this.#unusedBytes = 0;
  }
}

/** FNV-1a over UTF-16 units, mixed, since the table takes the low bits. */
function hashOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < name.length; index += 1) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}
