// The batches of the tail as rows of numbers, oldest first.
//
// An object for each would be copied twice and then walked by the collector for the seconds that a batch is in the tail, and
// take three times the memory. Rows stand in pages, which come and go as a whole, so that no row is ever moved.
//
// Bounds: a page more than the rows need, and one to be used again.

/** Stands for a row until it leaves: numbers begin anew after 2^30 rows. */
export type TailRow = number;

export const TOPIC_ID = 0;
export const BASE_OFFSET = 1;
export const RECORD_COUNT = 2;
export const TIMESTAMP_MS = 3;
/** Of the payload, in bytes. */
export const LENGTH = 4;
/** Where the payload starts in `bytesOf`. */
export const START = 5;
/** Where it starts in its frame, and where that lies in the journal: see FramePlace. */
export const PAYLOAD_AT = 6;
export const LSN = 7;
export const SEGMENT_FIRST_LSN = 8;
export const POSITION = 9;
export const FRAME_LENGTH = 10;
/** BEING_WRITTEN, RELEASED or neither. */
export const STATE = 11;
/** Rows of the same topic, for topic-rows.ts. */
export const OLDER = 12;
export const NEWER = 13;
export const JUMP = 14;
export const DEPTH = 15;
/** Numbers of a row: two cache lines. */
const COLUMNS = 16;

/** About, in bytes; what finds it by its topic included. */
export const ROW_BYTES = COLUMNS * 8 + 16;

const ROW_MASK = 2 ** 30 - 1;
const PAGE_BITS = 12;
const PAGE_ROWS = 2 ** PAGE_BITS;

interface Page {
  readonly numbers: Float64Array;
  /** What the payloads are in; undefined where they are not in memory. */
  readonly bytes: (Uint8Array | undefined)[];
}

export class TailRows {
  count = 0;
  /** A ring, by the page's number; always a power of two long. */
  private pages: (Page | undefined)[] = [undefined];
  private spare: Page | undefined;

  /** @param first number of the first row */
  constructor(private first: TailRow = 0) {}

  /** The oldest; undefined when there is none. */
  get oldest(): TailRow | undefined {
    return this.count === 0 ? undefined : this.first;
  }

  has(row: TailRow): boolean {
    return ((row - this.first) & ROW_MASK) < this.count;
  }

  /** The row behind this one, which may have left just now; undefined while there is none. */
  after(row: TailRow): TailRow | undefined {
    const next = (row + 1) & ROW_MASK;
    return this.has(next) ? next : undefined;
  }

  get(row: TailRow, column: number): number {
    return this.pageOf(row).numbers[(row % PAGE_ROWS) * COLUMNS + column] as number;
  }

  set(row: TailRow, column: number, value: number): void {
    this.pageOf(row).numbers[(row % PAGE_ROWS) * COLUMNS + column] = value;
  }

  bytesOf(row: TailRow): Uint8Array | undefined {
    return this.pageOf(row).bytes[row % PAGE_ROWS];
  }

  setBytes(row: TailRow, bytes: Uint8Array | undefined): void {
    this.pageOf(row).bytes[row % PAGE_ROWS] = bytes;
  }

  /** A new row; its numbers mean nothing yet. */
  add(): TailRow {
    const row = (this.first + this.count) & ROW_MASK;
    if (row % PAGE_ROWS === 0 || this.count === 0) this.addPage(row >>> PAGE_BITS);
    this.count += 1;
    return row;
  }

  /** The oldest row leaves. */
  leave(): void {
    const number = this.first >>> PAGE_BITS;
    this.setBytes(this.first, undefined);
    this.first = (this.first + 1) & ROW_MASK;
    this.count -= 1;
    if (this.first % PAGE_ROWS !== 0 && this.count > 0) return;
    this.spare = this.pages[number % this.pages.length];
    this.pages[number % this.pages.length] = undefined;
  }

  private pageOf(row: TailRow): Page {
    return this.pages[(row >>> PAGE_BITS) & (this.pages.length - 1)]!; // every row has its page
  }

  private addPage(number: number): void {
    if (this.pages[number % this.pages.length] !== undefined) {
      const pages = this.pages;
      this.pages = new Array<Page | undefined>(pages.length * 2).fill(undefined);
      // The oldest page is the one whose place is wanted: the others follow on it, up to the new one.
      for (let other = number - pages.length; other < number; other += 1) {
        this.pages[other & (this.pages.length - 1)] = pages[other & (pages.length - 1)];
      }
    }
    this.pages[number % this.pages.length] = this.spare ?? {
      numbers: new Float64Array(PAGE_ROWS * COLUMNS),
      bytes: new Array<Uint8Array | undefined>(PAGE_ROWS).fill(undefined),
    };
    this.spare = undefined;
  }
}
