// The lines of one commit in their order, until they are moved out, tenant by tenant.
//
// Bounds: the memory that it is given.

import type { TenantColumns } from '@pulses/connector-api';
import { writeGroupedLine, type GroupedIds } from '@pulses/shared-pulse-model';
import type { WindowKeys } from '../windows/window-keys';

/** No line is shorter, whatever its values. */
const LINE_BYTES_MIN = 128;

/** Where the lines lie. A kernel may write here, too. */
export interface LineMemory {
  readonly bytes: Buffer;
  /** By line: its end in `bytes`, and the index of its tenant. */
  readonly ends: Int32Array;
  readonly tenants: Int32Array;
  /** `[0]` is the number of lines, `[1]` that of their bytes. */
  readonly counters: Int32Array;
}

/** The rows of TenantColumns. */
export type TenantRows = Pick<TenantColumns, 'indexes' | 'counts' | 'lengths'>;

/**
 * Moves lines to the start of `target`, tenant by tenant in the order of their first lines, and in source order within a
 * tenant. Answers the rows in this order.
 */
export type GroupLines = (lines: LineMemory, target: Buffer) => TenantRows;

/** The most lines of `bytes` bytes. */
export function linesMaxOf(bytes: number): number {
  return Math.ceil(bytes / LINE_BYTES_MIN);
}

export class LineStage {
  readonly memory: LineMemory;
  readonly #group: GroupLines;

  constructor(memory: LineMemory, group: GroupLines) {
    this.memory = memory;
    this.#group = group;
  }

  /** Number of lines. */
  get length(): number {
    return this.memory.counters[0] as number;
  }

  get usedBytes(): number {
    return this.memory.counters[1] as number;
  }

  /** Adds a grouped line of the window's key `id`. `amount` holds limbs. */
  addGrouped(
    ids: GroupedIds,
    offset: number,
    keys: WindowKeys,
    id: number,
    amount: Float64Array,
    timestampS: number,
  ): void {
    const end = writeGroupedLine(this.memory.bytes, this.usedBytes, ids, offset, keys, id, amount, 0, timestampS);
    this.addWritten(end, keys.tenantOf(id));
  }

  /**
   * Adds the line that was written to `memory.bytes` from `usedBytes` to `end`.
   * @throws TypeError for a line that had no room
   */
  addWritten(end: number, tenant: number): void {
    const { bytes, ends, tenants, counters } = this.memory;
    if (end > bytes.byteLength) throw new TypeError(`a line ends at ${end} of ${bytes.byteLength} bytes`);
    const line = this.length;
    ends[line] = end;
    tenants[line] = tenant;
    counters[0] = line + 1;
    counters[1] = end;
  }

  /**
   * Takes all lines out, as GroupLines says; undefined when there are none. The payload is a view of `target`, which has room
   * for all of them.
   * @param tenants names by the indexes that the keys give
   */
  take(tenants: readonly string[], target: Buffer): TenantColumns | undefined {
    const { length, usedBytes } = this;
    if (length === 0) return undefined;
    const rows = this.#group(this.memory, target);
    this.clear();
    return { tenants, ...rows, payload: target.subarray(0, usedBytes) };
  }

  clear(): void {
    this.memory.counters[0] = 0;
    this.memory.counters[1] = 0;
  }
}

/** Lines in memory of their own. */
export function createLineMemory(bytesMax: number): LineMemory {
  const linesMax = linesMaxOf(bytesMax);
  return {
    bytes: Buffer.allocUnsafeSlow(bytesMax),
    ends: new Int32Array(linesMax),
    tenants: new Int32Array(linesMax),
    counters: new Int32Array(2),
  };
}

/** The definition of GroupLines: a counting sort. Sizes by tenant, then places, then one move for the lines of a tenant in a row. */
export const groupLines: GroupLines = ({ bytes, ends, tenants, counters }, target) => {
  const lineCount = counters[0] as number;
  const runs = new Map<number, { tenant: number; lines: number; bytes: number }>();
  for (let line = 0, start = 0; line < lineCount; line += 1) {
    const tenant = tenants[line] as number;
    const end = ends[line] as number;
    const run = runs.get(tenant);
    if (run === undefined) runs.set(tenant, { tenant, lines: 1, bytes: end - start });
    else {
      run.lines += 1;
      run.bytes += end - start;
    }
    start = end;
  }
  const places = new Map<number, number>();
  let place = 0;
  for (const run of runs.values()) {
    places.set(run.tenant, place);
    place += run.bytes;
  }
  for (let line = 0, start = 0; line < lineCount; line += 1) {
    const tenant = tenants[line] as number;
    while (line + 1 < lineCount && tenants[line + 1] === tenant) line += 1;
    const end = ends[line] as number;
    const to = places.get(tenant) as number;
    bytes.copy(target, to, start, end);
    places.set(tenant, to + end - start);
    start = end;
  }
  const rows = [...runs.values()];
  return {
    indexes: Uint32Array.from(rows, (row) => row.tenant),
    counts: Uint32Array.from(rows, (row) => row.lines),
    lengths: Uint32Array.from(rows, (row) => row.bytes),
  };
};
