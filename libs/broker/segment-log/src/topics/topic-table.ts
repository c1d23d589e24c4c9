// The topics, a row of typed arrays each.
//
// A row is *staged* from the moment a request makes its topic until the frame that says so is applied: it has an id and a
// name, and only the requests that are decided after it know of it. A row is *used again* once its topic is deleted; an
// id never is. What is needed across an await is therefore kept by id.
//
// Guarantees: ids rise. An incarnation states the topic's id and the log's, so no two topics of any log share one.
// Bounds: some 120 bytes a topic beside its name, and 4 bytes for each id since the oldest topic that is left.

import type { Incarnation, TopicInfo } from '@pulses/broker-wire';
import { grown } from './grown';
import { NameIndex } from './name-index';

const ROWS_INITIAL = 256;
const HEX_ID_DIGITS = 8;

// Numbers of a row lie side by side, since a request touches most of them. A checkpoint stores the first ones.
const START_OFFSET = 0;
const NEXT_OFFSET = 1;
const BYTES = 2;
const FIRST_TIMESTAMP = 3;
const LAST_TIMESTAMP = 4;
export const STORED_NUMBERS = 5;
const UNSEALED_COUNT = 5;
const LAST_PIECE = 6;
const STAGED_OFFSET = 7;
const STAGED_GROUP = 8;
const NUMBERS = 9;

export const NO_ROW = -1;

export class TopicTable {
  readonly #names = new NameIndex();
  readonly #logIdHex: string;
  readonly #kindOf: (topic: string) => number;
  readonly #freeRows: number[] = [];
  #rows = 0;
  #count = 0;
  #stagedCount = 0;
  #nextId = 1;
  /** Row + 1 by id, from `#firstId` on. */
  #rowsById = new Uint32Array(ROWS_INITIAL);
  #firstId = 1;
  #ids = new Uint32Array(ROWS_INITIAL);
  #kinds = new Uint8Array(ROWS_INITIAL);
  #isStaged = new Uint8Array(ROWS_INITIAL);
  #isWatched = new Uint8Array(ROWS_INITIAL);
  #numbers = new Float64Array(ROWS_INITIAL * NUMBERS);

  constructor(logId: Uint8Array, kindOf: (topic: string) => number) {
    this.#logIdHex = Buffer.from(logId).toString('hex');
    this.#kindOf = kindOf;
  }

  /** Topics, staged ones too. */
  get size(): number {
    return this.#count + this.#stagedCount;
  }

  /** Every row is below it. */
  get rowsEnd(): number {
    return this.#rows;
  }

  get nextId(): number {
    return this.#nextId;
  }

  /** Row of the topic, also of a staged one; NO_ROW when there is none. */
  find(name: string): number {
    return this.#names.find(name);
  }

  /** Row of the topic, unless it is staged. */
  findStored(name: string): number {
    const row = this.#names.find(name);
    return row !== NO_ROW && this.#isStaged[row] === 0 ? row : NO_ROW;
  }

  rowOf(id: number): number {
    const at = id - this.#firstId;
    return at < 0 || at >= this.#rowsById.length ? NO_ROW : this.#rowsById[at]! - 1; // in range
  }

  isStored(row: number): boolean {
    return row < this.#rows && this.#ids[row] !== 0 && this.#isStaged[row] === 0;
  }

  /** Rows of all topics that are not staged, by id. */
  storedRows(): Uint32Array {
    const rows = new Uint32Array(this.#count);
    let count = 0;
    for (let at = 0; at < this.#rowsById.length && count < rows.length; at += 1) {
      const row = this.#rowsById[at]! - 1; // in range
      if (row === NO_ROW || this.#isStaged[row] === 1) continue;
      rows[count] = row;
      count += 1;
    }
    return rows;
  }

  /** Makes a row for a topic that the request being decided makes. */
  stage(name: string): number {
    const row = this.#add(this.#nextId, name);
    this.#nextId += 1;
    this.#isStaged[row] = 1;
    this.#stagedCount += 1;
    return row;
  }

  /** Forgets staged topics: their frame was not written. */
  unstage(ids: readonly number[]): void {
    for (const id of ids) {
      this.#stagedCount -= 1;
      this.#free(this.rowOf(id));
    }
  }

  /** The topic is there from now on. False when it, or the id, was there before. */
  create(id: number, name: string): boolean {
    const known = this.#names.find(name);
    if (known !== NO_ROW) {
      if (this.#isStaged[known] === 0 || this.#ids[known] !== id) return false;
      this.#isStaged[known] = 0;
      this.#stagedCount -= 1;
      this.#count += 1;
      return true;
    }
    if (id < this.#nextId) return false;
    this.#add(id, name);
    this.#nextId = id + 1;
    this.#count += 1;
    return true;
  }

  remove(row: number): void {
    this.#count -= 1;
    this.#free(row);
  }

  /** From a checkpoint. */
  restoreNextId(id: number): void {
    this.#nextId = id;
  }

  idOf(row: number): number {
    return this.#ids[row]!; // rows have ids
  }

  nameOf(row: number): string {
    return this.#names.nameOf(row);
  }

  /** Names of the rows, back to back. */
  namesOf(rows: Uint32Array): { nameLengths: Uint16Array; names: Uint8Array } {
    return this.#names.copyOf(rows);
  }

  kindOf(row: number): number {
    return this.#kinds[row]!; // rows have kinds
  }

  /** The kind of a topic of this name, which need not be there. */
  kindOfName(name: string): number {
    return this.#kindOf(name);
  }

  incarnationOf(row: number): Incarnation {
    return this.#ids[row]!.toString(16).padStart(HEX_ID_DIGITS, '0') + this.#logIdHex; // rows have ids
  }

  startOffset(row: number): number {
    return this.#numbers[row * NUMBERS + START_OFFSET]!; // rows have all numbers
  }

  nextOffset(row: number): number {
    return this.#numbers[row * NUMBERS + NEXT_OFFSET]!;
  }

  /** Messages before this offset are in runs. */
  sealedOffset(row: number): number {
    return this.#numbers[row * NUMBERS + NEXT_OFFSET]! - this.#numbers[row * NUMBERS + UNSEALED_COUNT]!;
  }

  /** Number of the topic's newest piece that is not sealed, -1 when there is none; see unsealed.ts. */
  lastPiece(row: number): number {
    return this.#numbers[row * NUMBERS + LAST_PIECE]!;
  }

  bytes(row: number): number {
    return this.#numbers[row * NUMBERS + BYTES]!;
  }

  firstTimestampMs(row: number): number {
    return this.#numbers[row * NUMBERS + FIRST_TIMESTAMP]!;
  }

  /** What a checkpoint stores of the topic. @param number below STORED_NUMBERS */
  storedNumber(row: number, number: number): number {
    return this.#numbers[row * NUMBERS + number]!;
  }

  restore(row: number, info: Omit<TopicInfo, 'topic' | 'incarnation'>): void {
    const { startOffset, nextOffset, bytes, firstTimestampMs, lastTimestampMs } = info;
    this.#numbers.set([startOffset, nextOffset, bytes, firstTimestampMs, lastTimestampMs], row * NUMBERS);
  }

  info(row: number): TopicInfo {
    return {
      topic: this.nameOf(row),
      incarnation: this.incarnationOf(row),
      startOffset: this.startOffset(row),
      nextOffset: this.nextOffset(row),
      bytes: this.bytes(row),
      firstTimestampMs: this.firstTimestampMs(row),
      lastTimestampMs: this.storedNumber(row, LAST_TIMESTAMP),
    };
  }

  trim(row: number, startOffset: number, bytesRemoved: number, firstTimestampMs: number): void {
    const at = row * NUMBERS;
    this.#numbers[at + START_OFFSET] = startOffset;
    this.#numbers[at + BYTES]! -= bytesRemoved;
    this.#numbers[at + FIRST_TIMESTAMP] = firstTimestampMs;
  }

  isWatched(row: number): boolean {
    return this.#isWatched[row] === 1;
  }

  setWatched(row: number, isWatched: boolean): void {
    this.#isWatched[row] = isWatched ? 1 : 0;
  }

  /** The next offset after the requests that are decided so far in this group. */
  stagedOffset(row: number, group: number): number {
    const isStaged = this.#numbers[row * NUMBERS + STAGED_GROUP] === group;
    return this.#numbers[row * NUMBERS + (isStaged ? STAGED_OFFSET : NEXT_OFFSET)]!;
  }

  setStagedOffset(row: number, group: number, offset: number): void {
    this.#numbers[row * NUMBERS + STAGED_GROUP] = group;
    this.#numbers[row * NUMBERS + STAGED_OFFSET] = offset;
  }

  /**
   * Applies the rows of a frame: ids, then counts, then lengths.
   * @param woken gets the rows of topics that are watched
   * @param kinds gets counts and bytes, two numbers a kind
   * @returns false when an id has no topic
   */
  append(columns: Uint32Array, rows: number, timestampMs: number, woken: number[], kinds: Float64Array): boolean {
    const numbers = this.#numbers;
    for (let index = 0; index < rows; index += 1) {
      const row = this.rowOf(columns[index]!); // three columns
      if (row === NO_ROW) return false;
      const count = columns[rows + index]!;
      const length = columns[2 * rows + index]!;
      const at = row * NUMBERS;
      const next = numbers[at + NEXT_OFFSET]!;
      if (next === numbers[at + START_OFFSET]) numbers[at + FIRST_TIMESTAMP] = timestampMs;
      numbers[at + NEXT_OFFSET] = next + count;
      numbers[at + BYTES]! += length;
      numbers[at + LAST_TIMESTAMP] = timestampMs;
      if (this.#isWatched[row] === 1) woken.push(row);
      const kind = this.#kinds[row]! * 2;
      kinds[kind]! += count;
      kinds[kind + 1]! += length;
    }
    return true;
  }

  /** A piece of the topic is in the index of unsealed ones. @returns the piece before, -1 when there is none */
  addPiece(row: number, piece: number, count: number): number {
    const at = row * NUMBERS;
    const before = this.#numbers[at + LAST_PIECE]!;
    this.#numbers[at + LAST_PIECE] = piece;
    this.#numbers[at + UNSEALED_COUNT]! += count;
    return before;
  }

  /** The oldest messages of the topic that are not sealed are now; none is left when `piece` was the last. */
  dropPiece(row: number, piece: number, count: number): void {
    const at = row * NUMBERS;
    this.#numbers[at + UNSEALED_COUNT]! -= count;
    if (this.#numbers[at + LAST_PIECE] === piece) this.#numbers[at + LAST_PIECE] = -1;
  }

  #add(id: number, name: string): number {
    const row = this.#freeRows.pop() ?? this.#rows++;
    if (row >= this.#ids.length) this.#grow();
    this.#names.add(row, name);
    this.#ids[row] = id;
    this.#kinds[row] = this.#kindOf(name);
    this.#numbers.fill(0, row * NUMBERS, (row + 1) * NUMBERS);
    this.#numbers[row * NUMBERS + LAST_PIECE] = -1;
    this.#isStaged[row] = 0;
    this.#isWatched[row] = 0;
    this.#setRowOf(id, row);
    return row;
  }

  #free(row: number): void {
    this.#names.remove(row);
    this.#rowsById[this.#ids[row]! - this.#firstId] = 0; // rows have ids
    this.#ids[row] = 0;
    this.#freeRows.push(row);
  }

  #setRowOf(id: number, row: number): void {
    if (id - this.#firstId >= this.#rowsById.length) {
      // Ids of topics that are gone at the start of the array are given up.
      let gone = 0;
      while (gone < this.#rowsById.length && this.#rowsById[gone] === 0) gone += 1;
      const kept = this.#rowsById.subarray(gone);
      this.#firstId += gone;
      const needed = Math.max(id - this.#firstId + 1, kept.length + 1);
      this.#rowsById = grown(kept, Math.max(ROWS_INITIAL, needed * 2));
    }
    this.#rowsById[id - this.#firstId] = row + 1;
  }

  #grow(): void {
    const rows = this.#ids.length * 2;
    this.#numbers = grown(this.#numbers, rows * NUMBERS);
    this.#ids = grown(this.#ids, rows);
    this.#kinds = grown(this.#kinds, rows);
    this.#isStaged = grown(this.#isStaged, rows);
    this.#isWatched = grown(this.#isWatched, rows);
  }
}
