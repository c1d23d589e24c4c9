// The rows of each topic in the tail, found by their offsets.
//
// The rows of a topic are a list. Each also knows one much further back, after E. W. Myers, An applicative random-access
// stack (1983), so that finding one of n takes O(log n) steps, and a topic of one row costs no more than its number.

import {
  BASE_OFFSET,
  DEPTH,
  JUMP,
  NEWER,
  OLDER,
  RECORD_COUNT,
  TOPIC_ID,
  type TailRow,
  type TailRows,
} from './tail-rows';

const NONE = -1;

export class TopicRows {
  private readonly newest = new Map<number, TailRow>();

  constructor(private readonly rows: TailRows) {}

  /** A new row, with TOPIC_ID, BASE_OFFSET and RECORD_COUNT; it follows on the topic's newest. */
  add(row: TailRow): void {
    const { rows, newest } = this;
    const topicId = rows.get(row, TOPIC_ID);
    const older = newest.get(topicId);
    newest.set(topicId, row);
    rows.set(row, NEWER, NONE);
    rows.set(row, OLDER, older ?? NONE);
    rows.set(row, JUMP, older === undefined ? NONE : this.jumpOver(older));
    rows.set(row, DEPTH, older === undefined ? 0 : rows.get(older, DEPTH) + 1);
    if (older !== undefined) rows.set(older, NEWER, row);
  }

  /** The row, the oldest of all topics, is about to leave. */
  leave(row: TailRow): void {
    const topicId = this.rows.get(row, TOPIC_ID);
    if (this.newest.get(topicId) === row) this.newest.delete(topicId);
  }

  drop(topicId: number): void {
    this.newest.delete(topicId);
  }

  /** The row that holds the offset; undefined when it has left or never came. */
  find(topicId: number, offset: number): TailRow | undefined {
    const { rows } = this;
    let row = this.newest.get(topicId) ?? NONE;
    if (row === NONE || offset >= rows.get(row, BASE_OFFSET) + rows.get(row, RECORD_COUNT)) return undefined;
    while (this.isThere(row) && rows.get(row, BASE_OFFSET) > offset) {
      const jump = rows.get(row, JUMP);
      const isShort = !this.isThere(jump) || rows.get(jump, BASE_OFFSET) < offset;
      row = isShort ? rows.get(row, OLDER) : jump;
    }
    return this.isThere(row) ? row : undefined;
  }

  /** The topic's next row; undefined when this is its newest. */
  after(row: TailRow): TailRow | undefined {
    const newer = this.rows.get(row, NEWER);
    return newer === NONE ? undefined : newer;
  }

  private isThere(row: number): boolean {
    return row !== NONE && this.rows.has(row);
  }

  /** Where a row jumps to whose next older one is this. */
  private jumpOver(older: TailRow): TailRow {
    const { rows } = this;
    const jump = rows.get(older, JUMP);
    if (!this.isThere(jump)) return older;
    const further = rows.get(jump, JUMP);
    if (!this.isThere(further)) return older;
    const depth = rows.get(jump, DEPTH);
    return rows.get(older, DEPTH) - depth === depth - rows.get(further, DEPTH) ? further : older;
  }
}
