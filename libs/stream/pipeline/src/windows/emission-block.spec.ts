import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { BLOCK_KEYS, EmissionBlock, type EmissionOrder } from './emission-block';

/** Keys by the tenants that they belong to. */
const keysOf = (tenants: readonly number[]) => ({
  size: tenants.length,
  tenantOf: (id: number) => tenants[id] ?? -1,
});

function orderOf(tenants: readonly number[], order: EmissionOrder): number[] {
  const keys = keysOf(tenants);
  const ids: number[] = [];
  while (ids.length < keys.size) ids.push(...new EmissionBlock(keys, order, ids.length).ids);
  return ids;
}

describe('the order in which the sums of a window are emitted', () => {
  it('is by tenant, in the order of first appearance of tenants and of keys', () => {
    expect(orderOf([7, 3, 7, 5, 3, 7], 'tenant')).toEqual([0, 2, 5, 1, 4, 3]);
    expect(orderOf([7, 3, 7, 5, 3, 7], 'appearance')).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('has each key once, keys of a tenant in order, and does not depend on the numbers of the tenants', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5), { minLength: 1, maxLength: 100 }), (tenants) => {
        const ids = orderOf(tenants, 'tenant');
        const firstOf = (id: number) => tenants.indexOf(tenants[id] ?? -1);
        const expected = tenants
          .map((_, id) => id)
          .sort((left, right) => firstOf(left) - firstOf(right) || left - right);
        expect(ids).toEqual(expected);
        const renamed = tenants.map((tenant) => 1_000 - tenant);
        expect(orderOf(renamed, 'tenant')).toEqual(ids);
      }),
    );
  });

  it('is that of one block after another, wherever the emission begins', () => {
    const tenants = Array.from({ length: BLOCK_KEYS + 5 }, (_, id) => id % 2);
    const ids = orderOf(tenants, 'tenant');
    expect(ids.slice(BLOCK_KEYS)).toEqual([0, 2, 4, 1, 3].map((row) => BLOCK_KEYS + row));
    expect([...new EmissionBlock(keysOf(tenants), 'tenant', 9).ids]).toEqual(ids.slice(0, BLOCK_KEYS));
    const last = new EmissionBlock(keysOf(tenants), 'tenant', BLOCK_KEYS + 3);
    expect([last.fromId, last.toId]).toEqual([BLOCK_KEYS, BLOCK_KEYS + 5]);
  });
});
