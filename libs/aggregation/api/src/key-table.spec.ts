import { describe, expect, it } from '@jest/globals';
import { isPulsesError } from '@pulses/shared-errors';
import fc from 'fast-check';
import { createKeyTable, type KeyTable } from './key-table';

type Key = readonly [Uint8Array, Uint8Array, Uint8Array];

/** Looks up a key in a text that holds its parts separated and out of order, like a pulse's line. */
function idOf(table: KeyTable, [tenant, sku, unit]: Key, padding = 0): number {
  const text = new Uint8Array(padding + unit.length + 1 + tenant.length + 1 + sku.length);
  text.fill(0x22);
  const tenantAt = padding + unit.length + 1;
  const skuAt = tenantAt + tenant.length + 1;
  text.set(unit, padding);
  text.set(tenant, tenantAt);
  text.set(sku, skuAt);
  return table.idOf(
    text,
    tenantAt,
    tenantAt + tenant.length,
    skuAt,
    skuAt + sku.length,
    padding,
    padding + unit.length,
  );
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const keyOf = (tenant: string, sku: string, unit: string): Key => [
  Buffer.from(tenant),
  Buffer.from(sku),
  Buffer.from(unit),
];

/** An independent implementation of `bytesOf`. */
function layoutOf(key: Key): string {
  return key
    .map((part) => {
      const length = Buffer.alloc(2);
      length.writeUInt16LE(part.length);
      return hexOf(length) + hexOf(part);
    })
    .join('');
}

// Few distinct bytes and short parts, so that keys repeat and resemble each other.
const part = fc.oneof(
  fc.uint8Array({ min: 0x61, max: 0x62, maxLength: 3 }),
  fc.uint8Array({ maxLength: 9 }),
  fc.uint8Array({ min: 0, max: 1, minLength: 250, maxLength: 256 }),
);
const keys = fc.array(fc.tuple(part, part, part), { maxLength: 300 });
const seed = fc.tuple(fc.integer(), fc.integer());

describe('the key table', () => {
  it('assigns the same ids as a map of hex strings, for any seed', () => {
    fc.assert(
      fc.property(keys, seed, fc.nat(8), (history, hashSeed, padding) => {
        const table = createKeyTable({ keysMax: 1000, hashSeed });
        const oracle = new Map<string, number>();
        for (const key of history) {
          const name = layoutOf(key);
          if (!oracle.has(name)) oracle.set(name, oracle.size);
          expect(idOf(table, key, padding)).toBe(oracle.get(name));
        }
        expect(table.size).toBe(oracle.size);
        for (const [name, id] of oracle) expect(hexOf(table.bytesOf(id))).toBe(name);
      }),
      { numRuns: 200 },
    );
  });

  it('keeps every id through many doublings', () => {
    const table = createKeyTable({ keysMax: 100_000, hashSeed: [7, 9] });
    const key = (i: number): Key => keyOf(`tenant-${i % 997}`, `sku-${i}`, 'GB');
    for (let i = 0; i < 100_000; i++) if (idOf(table, key(i)) !== i) throw new Error(`key ${i} is not new`);
    for (let i = 0; i < 100_000; i++) if (idOf(table, key(i)) !== i) throw new Error(`key ${i} was lost`);
    expect(table.size).toBe(100_000);
    expect(hexOf(table.bytesOf(54_321))).toBe(layoutOf(key(54_321)));
  });

  it('keeps keys apart whose parts concatenate to the same bytes', () => {
    const table = createKeyTable({ keysMax: 10 });
    const ids = [
      keyOf('ab', 'c', ''),
      keyOf('a', 'bc', ''),
      keyOf('a', 'b', 'c'),
      keyOf('', 'abc', ''),
      keyOf('', '', 'abc'),
      keyOf('', '', ''),
    ].map((key) => idOf(table, key));
    expect(ids).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('rejects a key above its limit with WINDOW_FULL, and keeps the others', () => {
    const table = createKeyTable({ keysMax: 2 });
    idOf(table, keyOf('a', 'b', 'c'));
    idOf(table, keyOf('d', 'e', 'f'));
    expect(catchCode(() => idOf(table, keyOf('g', 'h', 'i')))).toBe('WINDOW_FULL');
    expect(table.size).toBe(2);
    expect(idOf(table, keyOf('d', 'e', 'f'))).toBe(1);
    expect(catchCode(() => idOf(table, keyOf('g', 'h', 'i')))).toBe('WINDOW_FULL');
  });

  it('bounds the total bytes of its keys', () => {
    const table = createKeyTable({ keysMax: 1000, bytesMax: 1000 });
    const long = 'x'.repeat(254);
    for (const tenant of ['1', '2', '3']) idOf(table, keyOf(tenant, long, 'GB'));
    expect(catchCode(() => idOf(table, keyOf('4', long, 'GB')))).toBe('WINDOW_FULL');
    expect(idOf(table, keyOf('3', long, 'GB'))).toBe(2);
  });

  it('fills its bytes completely, even when the limit is no power of two', () => {
    // 267 bytes per key; the last key ends exactly at the limit.
    const count = 700;
    const table = createKeyTable({ keysMax: 10_000, bytesMax: 267 * count });
    const key = (i: number): Key => keyOf(`${i}`.padStart(6, '0'), 'x'.repeat(250), 'hours');
    for (let i = 0; i < count; i++) expect(idOf(table, key(i))).toBe(i);
    expect(catchCode(() => idOf(table, key(count)))).toBe('WINDOW_FULL');
    expect(table.size).toBe(count);
    for (let i = 0; i < count; i++) expect(hexOf(table.bytesOf(i))).toBe(layoutOf(key(i)));
  });

  it('finds each key at every size around its doublings', () => {
    for (const size of [511, 512, 513, 1023, 1024, 1025, 2048, 2049]) {
      const table = createKeyTable({ keysMax: size, hashSeed: [size, 1] });
      const key = (i: number): Key => keyOf('t', `${i}`, 'GB');
      for (let i = 0; i < size; i++) idOf(table, key(i));
      for (let i = 0; i < size; i++) if (idOf(table, key(i)) !== i) throw new Error(`key ${i} of ${size} was lost`);
      expect(catchCode(() => idOf(table, key(size)))).toBe('WINDOW_FULL');
    }
  });

  it('rejects an invalid bound and an unknown id as programmer errors', () => {
    for (const keysMax of [0, -1, 1.5, Number.NaN, 2 ** 22 + 1]) {
      expect(() => createKeyTable({ keysMax })).toThrow(TypeError);
    }
    for (const bytesMax of [0, 1.5, Number.NaN, 2 ** 32]) {
      expect(() => createKeyTable({ keysMax: 1, bytesMax })).toThrow(TypeError);
    }
    const table = createKeyTable({ keysMax: 1 });
    expect(() => table.bytesOf(0)).toThrow(TypeError);
    expect(() => table.bytesOf(-1)).toThrow(TypeError);
  });
});

function catchCode(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (isPulsesError(error)) return error.code;
    throw error;
  }
  return 'nothing thrown';
}
