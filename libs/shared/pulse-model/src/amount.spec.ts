import { describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import fc from 'fast-check';
import {
  addAmountAt,
  addAmounts,
  AMOUNT_LIMBS,
  compareAmounts,
  createAmount,
  isZeroAmount,
  negateAmount,
  type Amount,
} from './amount';
import { parseAmount } from './amount-reading';
import { formatAmount, writeInteger } from './amount-writing';

// The oracle: amounts as BigInt multiples of 10^-30, computed from their text.
const FRACTION_DIGITS = 30n;

function unitsOf(text: string): bigint | undefined {
  const match = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (!match) return undefined;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const digits = BigInt(whole + fraction);
  if (digits === 0n) return 0n;
  const shift = FRACTION_DIGITS + BigInt(exponent) - BigInt(fraction.length);
  if (shift > 60n || shift < -60n - BigInt(whole.length + fraction.length)) return undefined;
  const units = shift >= 0n ? digits * 10n ** shift : digits / 10n ** -shift;
  if (shift < 0n && units * 10n ** -shift !== digits) return undefined;
  if (units >= 10n ** 50n) return undefined;
  return sign === '-' ? -units : units;
}

function textOf(units: bigint): string {
  const digits = (units < 0n ? -units : units).toString().padStart(31, '0');
  const fraction = digits.slice(-30).replace(/0+$/, '');
  return `${units < 0n ? '-' : ''}${digits.slice(0, -30)}${fraction === '' ? '' : `.${fraction}`}`;
}

const digitText = (max: number) => fc.stringMatching(new RegExp(`^\\d{0,${max}}$`));
const numberText = fc
  .tuple(
    fc.boolean(),
    fc.oneof(digitText(20), digitText(3), fc.constant('99999999999999999999')),
    fc.oneof(digitText(30), digitText(4), fc.constant('')),
    fc.oneof(
      { weight: 3, arbitrary: fc.constant('') },
      fc.integer({ min: -60, max: 60 }).map((exponent) => `e${exponent}`),
    ),
  )
  .map(([negative, whole, fraction, exponent]) => {
    const digits = whole.replace(/^0+(?=\d)/, '') || '0';
    return `${negative ? '-' : ''}${digits}${fraction === '' ? '' : `.${fraction}`}${exponent}`;
  });
const validText = numberText.filter((text) => unitsOf(text) !== undefined);
const known = (text: string): { amount: Amount; units: bigint } => {
  const [amount, units] = [parseAmount(text), unitsOf(text)];
  if (amount === undefined || units === undefined) throw new Error(`${text} is an amount`);
  return { amount, units };
};

describe('exact amounts', () => {
  it('accept and read the same numbers as BigInt arithmetic', () => {
    fc.assert(
      fc.property(fc.oneof(numberText, fc.stringMatching(/^[-+0-9.eE]{0,12}$/)), (text) => {
        const amount = parseAmount(text);
        const units = unitsOf(text);
        expect(amount === undefined).toBe(units === undefined);
        if (amount !== undefined && units !== undefined) expect(formatAmount(amount)).toBe(textOf(units));
      }),
      { numRuns: SCALE.sizeOf({ sample: 3_000, fault: 100_000 }) },
    );
  }, 120_000);

  it('add, negate and compare like BigInt', () => {
    fc.assert(
      fc.property(validText, validText, (leftText, rightText) => {
        const [left, right] = [known(leftText), known(rightText)];
        expect(formatAmount(addAmounts(left.amount, right.amount))).toBe(textOf(left.units + right.units));
        expect(formatAmount(negateAmount(left.amount))).toBe(textOf(-left.units));
        const difference = left.units - right.units;
        expect(Math.sign(compareAmounts(left.amount, right.amount))).toBe(
          difference > 0n ? 1 : difference < 0n ? -1 : 0,
        );
        expect(isZeroAmount(addAmounts(left.amount, right.amount))).toBe(left.units + right.units === 0n);
      }),
      { numRuns: SCALE.sizeOf({ sample: 3_000, fault: 100_000 }) },
    );
  }, 120_000);

  it('keep every digit of long sums, in any slot of a table', () => {
    fc.assert(
      fc.property(fc.array(validText, { maxLength: 200 }), fc.integer({ min: 0, max: 5 }), (texts, slot) => {
        const table = new Float64Array(6 * AMOUNT_LIMBS);
        let units = 0n;
        for (const text of texts) {
          const next = known(text);
          addAmountAt(table, slot * AMOUNT_LIMBS, next.amount, 0);
          units += next.units;
        }
        expect(formatAmount(table, slot * AMOUNT_LIMBS)).toBe(textOf(units));
        table.fill(0, slot * AMOUNT_LIMBS, (slot + 1) * AMOUNT_LIMBS);
        expect(table.every((limb) => limb === 0)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['0', '0'],
    ['-0', '0'],
    ['-0.000', '0'],
    ['0e999999999999999999999', '0'],
    ['1E2', '100'],
    ['1.50', '1.5'],
    ['9007199254740993', '9007199254740993'],
    ['0.1', '0.1'],
    ['1e-30', '0.000000000000000000000000000001'],
    ['99999999999999999999.999999999999999999999999999999', '99999999999999999999.999999999999999999999999999999'],
    ['100000000000000000000000e-10', '10000000000000'],
    ['0.00000000000000000000000000000000001e10', '0.0000000000000000000000001'],
  ])('reads %s as %s', (text, plain) => {
    expect(formatAmount(known(text).amount)).toBe(plain);
  });

  it.each([
    '',
    '-',
    '+1',
    '01',
    '.5',
    '5.',
    '1e',
    '1e+',
    ' 1',
    '1 ',
    '1e400',
    '1e20',
    '1e-31',
    'NaN',
    'Infinity',
    '0x1',
    '1,5',
    '--1',
  ])('rejects %j', (text) => {
    expect(parseAmount(text)).toBeUndefined();
  });

  it('throws on formatting a sum that overflows its limbs', () => {
    const sum = createAmount();
    sum[0] = Number.MAX_SAFE_INTEGER;
    expect(formatAmount(sum)).toBe('9007199254740991000000000000000');
    sum[0] += 1;
    expect(() => formatAmount(sum)).toThrow(RangeError);
  });

  it('writes whole numbers up to 2^53 - 1', () => {
    const out = new Uint8Array(20);
    fc.assert(
      fc.property(
        fc.oneof(fc.maxSafeNat(), fc.nat(), fc.constantFrom(0, 9, 10, 2 ** 31, 2 ** 31 - 1, 99_999, 100_000)),
        (value) => {
          const end = writeInteger(value, out, 1);
          expect(Buffer.from(out.subarray(1, end)).toString()).toBe(String(value));
        },
      ),
      { numRuns: SCALE.sizeOf({ sample: 2_000, fault: 20_000 }) },
    );
  });
});
