import { describe, expect, it } from '@jest/globals';
import { nodeRandom } from '@pulses/shared-node-platform';
import { formatAmount, parseAmount } from '@pulses/shared-pulse-model';
import fc from 'fast-check';
import { Sums, type KeyText } from './sums';

const FRACTION_DIGITS = 30;

const amount = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.bigInt({ min: 0n, max: 10n ** 20n - 1n }),
    fc.bigInt({ min: 0n, max: 10n ** 30n - 1n }),
  )
  .map(([sign, whole, fraction]) => `${sign}${whole}.${fraction.toString().padStart(FRACTION_DIGITS, '0')}`);

/** The amount as a count of 10^-30. */
function unitsOf(text: string): bigint {
  const [whole = '', fraction = ''] = text.split('.');
  return BigInt(whole + fraction.padEnd(FRACTION_DIGITS, '0'));
}

const label = fc.constantFrom('a', 'b', '__proto__', 'a","b', '"', 'é', '\u{1f600}', '\uffee');

function keyText(tenant: string, sku: string, unit: string): KeyText {
  const text = Buffer.from(`${tenant}${sku}${unit}`);
  const skuStart = Buffer.byteLength(tenant);
  const unitStart = skuStart + Buffer.byteLength(sku);
  const unitEnd = text.length;
  return { text, tenantStart: 0, tenantEnd: skuStart, skuStart, skuEnd: unitStart, unitStart, unitEnd };
}

const sumsOf = (keysMax: number) => new Sums({ keysMax, random: nodeRandom });

describe('sums', () => {
  it('are exact, one for each tenant, SKU and unit, in one order', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(label, label, label, amount)), (pulses) => {
        const sums = sumsOf(1_000);
        const expected = new Map<string, { units: bigint; count: number }>();
        for (const [tenant, sku, unit, text] of pulses) {
          sums.add(keyText(tenant, sku, unit), parseAmount(text)!); // within the digits of an amount
          const key = [tenant, sku, unit].map((part) => part.padEnd(10)).join('|');
          const { units, count } = expected.get(key) ?? { units: 0n, count: 0 };
          expected.set(key, { units: units + unitsOf(text), count: count + 1 });
        }
        expect(
          sums
            .sorted()
            .map(({ tenantId, productSku, useUnit, amount: total, pulseCount }) => [
              [tenantId, productSku, useUnit].map((part) => part.padEnd(10)).join('|'),
              unitsOf(formatAmount(total)),
              pulseCount,
            ]),
        ).toEqual(
          [...expected]
            .map(([key, { units, count }]) => [key, units, count] as const)
            .sort(([a], [b]) => (a < b ? -1 : 1)),
        );
      }),
      // Two keys that are one when they are joined carelessly.
      {
        examples: [
          [
            [
              ['a","b', 'a', 'b', '1'],
              ['a', 'b', 'a","b', '2'],
            ],
          ],
        ],
      },
    );
  });

  it('stay right while keys are added, up to their limit', () => {
    const sums = sumsOf(5_000);
    const one = parseAmount('1')!; // a number
    const add = (sku: number) => {
      sums.add(keyText('t', String(sku), 'h'), one);
    };
    for (let round = 0; round < 2; round += 1) for (let sku = 0; sku < 5_000; sku += 1) add(sku);
    expect(() => {
      add(5_000);
    }).toThrow(/^--tenant: there are more than 5000 keys/);
    const found = sums.sorted();
    expect(found).toHaveLength(5_000);
    expect(found.every((sum) => sum.pulseCount === 2 && formatAmount(sum.amount) === '2')).toBe(true);
  });
});
