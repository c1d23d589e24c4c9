import { describe, expect, it } from '@jest/globals';
import { createPulsePool, microsOf, type PulseBatch } from './pulse-pool';

const linesOf = ({ payload }: PulseBatch) => payload.toString().trimEnd().split('\n');
const sumOf = (batches: readonly PulseBatch[]) =>
  batches.flatMap(linesOf).reduce((sum, line) => sum + microsOf(/"used_ammount":([^,]+),/.exec(line)?.[1] ?? ''), 0n);

describe('a pool of pulses', () => {
  const options = { tenants: 3, skus: 4, batchCount: 5, batchPulses: 200 };

  it('holds batches of whole pulses with their exact sums', () => {
    const { batches } = createPulsePool(options);
    expect(batches.map(({ recordCount }) => recordCount)).toEqual([200, 200, 200, 200, 200]);
    for (const batch of batches) {
      expect(linesOf(batch)).toHaveLength(200);
      expect(batch.micros).toBe(sumOf([batch]));
    }
    const keys = batches.flatMap(linesOf).map((line) => Object.keys(JSON.parse(line) as object).join());
    expect(new Set(keys)).toEqual(new Set(['tenant_id,product_sku,used_ammount,use_unity']));
  });

  it('starts again after the last batch, with exact sums of any count', () => {
    const pool = createPulsePool(options);
    expect(pool.at(7)).toBe(pool.batches[2]);
    const taken = Array.from({ length: 12 }, (_, index) => pool.at(index));
    expect(pool.microsOfFirst(12)).toBe(sumOf(taken));
    expect(pool.microsOfFirst(0)).toBe(0n);
  });

  it('depends on the seed alone', () => {
    const payloads = (seed: number) =>
      Buffer.concat(createPulsePool({ ...options, seed }).batches.map(({ payload }) => payload));
    expect(payloads(7).equals(payloads(7))).toBe(true);
    expect(payloads(7).equals(payloads(8))).toBe(false);
  });

  it('numbers its tenants from the first one', () => {
    const pool = createPulsePool({ ...options, firstTenant: 8 });
    const tenants = linesOf(pool.at(0)).map((line) => /"tenant-(\d+)"/.exec(line)?.[1]);
    expect([...new Set(tenants)].sort()).toEqual(['10', '8', '9']);
  });

  it('takes every key in turn when it is dense', () => {
    const pool = createPulsePool({ tenants: 10, skus: 20, batchCount: 1, batchPulses: 200, isDense: true });
    const keys = linesOf(pool.at(0)).map((line) =>
      /"tenant_id":"([^"]+)","product_sku":"([^"]+)"/.exec(line)?.slice(1).join(' '),
    );
    expect(new Set(keys).size).toBe(200);
  });
});

describe('millionths of a text', () => {
  it.each([
    ['1', 1_000_000n],
    ['-0.5', -500_000n],
    ['99.000001', 99_000_001n],
  ])('%s', (text, micros) => {
    expect(microsOf(text)).toBe(micros);
  });

  it.each(['1e3', '0.0000001', '', '.5'])('are refused for %j', (text) => {
    expect(() => microsOf(text)).toThrow('not an amount');
  });
});
