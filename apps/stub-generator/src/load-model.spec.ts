import { describe, expect, it } from '@jest/globals';
import { addAmounts, createAmount, createPulseReader, formatAmount } from '@pulses/shared-pulse-model';
import { createLoadModel } from './load-model';

const linesOf = (payload: Uint8Array) => Buffer.from(payload).toString().trimEnd().split('\n');

describe('the load model', () => {
  it('makes valid pulses and tells their exact sum', () => {
    const reader = createPulseReader();
    const batch = createLoadModel({ tenants: 7, skus: 5, seed: 3, skew: 0 }).next(5000);
    const lines = linesOf(batch.payload);
    expect(lines.length).toBe(5000);
    const sum = lines.reduce((total, line) => {
      const bytes = Buffer.from(line);
      expect(reader.read(bytes, 0, bytes.length)).toBe(true);
      return addAmounts(total, reader.amount);
    }, createAmount());
    expect(formatAmount(batch.amount)).toBe(formatAmount(sum));
    expect(lines.some((line) => line.includes('"used_ammount":-'))).toBe(true);
  });

  it('makes the same pulses for the same seed, however they are batched', () => {
    const options = { tenants: 4, skus: 4, seed: 9, skew: 0.8 };
    const whole = linesOf(createLoadModel(options).next(300).payload);
    const model = createLoadModel(options);
    const parts = [1, 99, 200].flatMap((count) => linesOf(model.next(count).payload));
    expect(parts).toEqual(whole);
    expect(linesOf(createLoadModel({ ...options, seed: 10 }).next(300).payload)).not.toEqual(whole);
  });

  it('uses every tenant and SKU alike without skew, and the first tenants more with it', () => {
    const share = (skew: number, tenant: number) =>
      linesOf(createLoadModel({ tenants: 10, skus: 3, seed: 1, skew }).next(20_000).payload).filter((line) =>
        line.includes(`"tenant-${tenant}"`),
      ).length / 20_000;
    for (const tenant of [1, 5, 10]) expect(share(0, tenant)).toBeCloseTo(0.1, 1);
    // 1 / H(10) and 0.1 / H(10)
    expect(share(1, 1)).toBeCloseTo(0.341, 1);
    expect(share(1, 10)).toBeCloseTo(0.034, 1);
  });

  it('works with one tenant and one SKU', () => {
    const [line = ''] = linesOf(createLoadModel({ tenants: 1, skus: 1, seed: 0, skew: 1 }).next(1).payload);
    expect(JSON.parse(line)).toMatchObject({ tenant_id: 'tenant-1', product_sku: 'sku-1', use_unity: 'hours' });
  });
});
