// A seeded part of a source log: the deltas for an engine and the expected sums, computed with BigInt.

import {
  createKeyTable,
  type EngineSource,
  type KeyList,
  type KeyTable,
  type WindowDelta,
  type WindowSums,
} from '@pulses/aggregation-api';

const LIMBS = 4;
const BASE = 10n ** 15n;

export const SOURCE: EngineSource = {
  topic: 'source.pulses',
  incarnation: '0123456789abcdef0123456789abcdef',
  group: 'faults',
  windowMs: 5_000,
};

interface Message {
  readonly key: number;
  readonly amount: bigint;
  readonly timestampMs: number;
}

interface Sum {
  amount: bigint;
  count: number;
  firstSeenMs: number;
  lastSeenMs: number;
}

export interface WindowLog {
  readonly startMs: number;
  readonly fromOffset: number;
  readonly endOffset: number;
  /** The messages `[fromOffset, nextOffset)` as a delta; `keys` are those of all messages before. */
  delta(keys: KeyTable, fromOffset: number, nextOffset: number): WindowDelta;
  /** The sums of the whole log, by key in order of ids, as text for readable differences. */
  expected(): string[];
}

/** The generator of Lehmer and Park-Miller: numbers from 1 to 2^31 - 2. */
export function createRolls(seed: number): (sides: number) => number {
  let state = (seed % 2_147_483_646) + 1;
  return (sides) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % sides;
  };
}

export function createWindowLog({ seed, messages, keys }: { seed: number; messages: number; keys: number }): WindowLog {
  const roll = createRolls(seed);
  const fromOffset = 1_000 + roll(1_000);
  const digits = () => BigInt(roll(1_000_000_000));
  const log = Array.from({ length: messages }, (_, at): Message => {
    const size = digits() * 10n ** BigInt(roll(41));
    return { key: roll(keys), amount: roll(2) === 0 ? size : -size, timestampMs: Math.floor((at * 5_000) / messages) };
  });
  return {
    startMs: 0,
    fromOffset,
    endOffset: fromOffset + messages,
    delta: (table, from, to) => deltaOf(table, from, to, sumsOf(log.slice(from - fromOffset, to - fromOffset))),
    expected: () => [...sumsOf(log).values()].map(textOf),
  };
}

/** Keys in order of first appearance. */
function sumsOf(messages: readonly Message[]): Map<number, Sum> {
  const sums = new Map<number, Sum>();
  for (const { key, amount, timestampMs } of messages) {
    const sum = sums.get(key);
    if (sum === undefined) sums.set(key, { amount, count: 1, firstSeenMs: timestampMs, lastSeenMs: timestampMs });
    else {
      sum.amount += amount;
      sum.count += 1;
      sum.lastSeenMs = timestampMs;
    }
  }
  return sums;
}

function deltaOf(keys: KeyTable, fromOffset: number, nextOffset: number, sums: ReadonlyMap<number, Sum>): WindowDelta {
  const rows = [...sums];
  const limbs = new Float64Array(rows.length * LIMBS);
  rows.forEach(([, { amount }], row) => {
    let rest = amount;
    for (let limb = LIMBS - 1; limb > 0; limb -= 1) {
      limbs[row * LIMBS + limb] = Number(rest % BASE) + 0;
      rest /= BASE;
    }
    limbs[row * LIMBS] = Number(rest) + 0;
  });
  const column = (of: (sum: Sum) => number) => Float64Array.from(rows, ([, sum]) => of(sum));
  return {
    windowStartMs: 0,
    fromOffset,
    nextOffset,
    keys,
    length: rows.length,
    ids: Int32Array.from(rows, ([key]) => idOf(keys, key)),
    limbs,
    counts: column(({ count }) => count),
    firstSeenMs: column(({ firstSeenMs }) => firstSeenMs),
    lastSeenMs: column(({ lastSeenMs }) => lastSeenMs),
  };
}

function idOf(keys: KeyTable, key: number): number {
  const text = Buffer.from(`tenant-${key % 7}sku-${key}GB`);
  const [tenantEnd, unitAt] = [8, text.byteLength - 2];
  return keys.idOf(text, 0, tenantEnd, tenantEnd, unitAt, unitAt, text.byteLength);
}

/** A new table with the keys of another under the same ids. */
export function copyKeys(from: KeyList | undefined): KeyTable {
  const keys = createKeyTable({ keysMax: 1 << 21 });
  for (let id = 0; id < (from?.size ?? 0); id += 1) {
    const bytes = Buffer.from((from as KeyList).bytesOf(id));
    const tenantEnd = 2 + bytes.readUInt16LE(0);
    const skuEnd = tenantEnd + 2 + bytes.readUInt16LE(tenantEnd);
    keys.idOf(bytes, 2, tenantEnd, tenantEnd + 2, skuEnd, skuEnd + 2, bytes.byteLength);
  }
  return keys;
}

/** The sums of an engine, in the format of `expected`. */
export function textsOf({ fromId, toId, limbs, counts, firstSeenMs, lastSeenMs }: WindowSums): string[] {
  return Array.from({ length: toId - fromId }, (_, row) => {
    let amount = 0n;
    for (let limb = 0; limb < LIMBS; limb += 1) amount = amount * BASE + BigInt(limbs[row * LIMBS + limb] ?? NaN);
    return textOf({
      amount,
      count: counts[row] ?? NaN,
      firstSeenMs: firstSeenMs[row] ?? NaN,
      lastSeenMs: lastSeenMs[row] ?? NaN,
    });
  });
}

function textOf({ amount, count, firstSeenMs, lastSeenMs }: Sum): string {
  return `${amount} in ${count}, ${firstSeenMs} to ${lastSeenMs}`;
}
