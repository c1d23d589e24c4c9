// The suite's model of a window: the added messages and the expected sums.

import { createKeyTable, type KeyTable, type WindowDelta, type WindowSums } from '@pulses/aggregation-api';
import { amountAt, columnOf, setAmount } from './exact-sums';

/** Tenant, SKU and unit. */
export type TestKey = readonly [string, string, string];

/** One message of the source: a pulse, or another message that only takes an offset. */
export type TestMessage = { readonly key: TestKey; readonly amount: bigint; readonly timestampMs: number } | undefined;

/** The sum of a key, in the suite's terms. */
export interface ExpectedSum {
  readonly amount: bigint;
  readonly count: number;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
}

/** A delta whose columns the suite may overwrite. */
export interface TestDelta extends WindowDelta {
  fromOffset: number;
  nextOffset: number;
}

export interface TestWindow {
  readonly startMs: number;
  readonly fromOffset: number;
  readonly nextOffset: number;
  readonly keys: KeyTable;
  /** The expected sums so far, by key id. */
  readonly sums: readonly ExpectedSum[];
  /** Takes the next messages and returns them as a delta. */
  take(messages: readonly TestMessage[]): TestDelta;
}

export function createTestWindow(startMs: number, fromOffset: number): TestWindow {
  const keys = createKeyTable({ keysMax: 1 << 20 });
  const sums: ExpectedSum[] = [];
  let nextOffset = fromOffset;
  return {
    startMs,
    fromOffset,
    get nextOffset() {
      return nextOffset;
    },
    keys,
    sums,
    take(messages) {
      const rows = new Map<number, ExpectedSum>();
      for (const message of messages) {
        if (message === undefined) continue;
        const id = idOf(keys, message.key);
        sums[id] = plus(sums[id], message);
        rows.set(id, plus(rows.get(id), message));
      }
      const start = nextOffset;
      nextOffset += messages.length;
      return deltaOf(startMs, start, nextOffset, keys, rows);
    },
  };
}

/** The sums of a slice from an engine, in the suite's terms. */
export function readSums({ fromId, toId, limbs, counts, firstSeenMs, lastSeenMs }: WindowSums): ExpectedSum[] {
  return Array.from({ length: toId - fromId }, (_, row) => ({
    amount: amountAt(limbs, row),
    count: counts[row] ?? NaN,
    firstSeenMs: firstSeenMs[row] ?? NaN,
    lastSeenMs: lastSeenMs[row] ?? NaN,
  }));
}

/** Overwrites every column, to expose an engine that still reads them. */
export function spoil(delta: WindowDelta): void {
  delta.ids.fill(0);
  for (const column of [delta.limbs, delta.counts, delta.firstSeenMs, delta.lastSeenMs]) column.fill(7);
}

export function idOf(keys: KeyTable, [tenant, sku, unit]: TestKey): number {
  const text = Buffer.from(`${tenant}${sku}${unit}`);
  const tenantEnd = Buffer.byteLength(tenant);
  const skuEnd = tenantEnd + Buffer.byteLength(sku);
  return keys.idOf(text, 0, tenantEnd, tenantEnd, skuEnd, skuEnd, text.byteLength);
}

function plus(sum: ExpectedSum | undefined, { amount, timestampMs }: NonNullable<TestMessage>): ExpectedSum {
  if (sum === undefined) return { amount, count: 1, firstSeenMs: timestampMs, lastSeenMs: timestampMs };
  return { ...sum, amount: sum.amount + amount, count: sum.count + 1, lastSeenMs: timestampMs };
}

function deltaOf(
  windowStartMs: number,
  fromOffset: number,
  nextOffset: number,
  keys: KeyTable,
  rows: ReadonlyMap<number, ExpectedSum>,
): TestDelta {
  const sums = [...rows.values()];
  // Longer than needed, like the columns of the pipeline.
  const capacity = sums.length + 3;
  const limbs = columnOf(capacity).fill(9);
  sums.forEach(({ amount }, row) => {
    setAmount(limbs, row, amount);
  });
  const column = (of: (sum: ExpectedSum) => number) =>
    Float64Array.from({ length: capacity }, (_, row) => (row < sums.length ? of(sums[row] as ExpectedSum) : 9));
  return {
    windowStartMs,
    fromOffset,
    nextOffset,
    keys,
    length: sums.length,
    ids: Int32Array.from([...rows.keys(), 0, 0, 0]),
    limbs,
    counts: column(({ count }) => count),
    firstSeenMs: column(({ firstSeenMs }) => firstSeenMs),
    lastSeenMs: column(({ lastSeenMs }) => lastSeenMs),
  };
}
