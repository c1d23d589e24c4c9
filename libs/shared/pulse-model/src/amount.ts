// Exact amounts: decimal fixed point in limbs, without binary fractions or BigInt.
//
// An amount is AMOUNT_LIMBS numbers, most significant first:
//
//   value = l[0] * 10^15 + l[1] + l[2] * 10^-15 + l[3] * 10^-30
//
// Each limb is an integer; l[1] to l[3] lie strictly between -10^15 and 10^15, l[0] between -2^53 and 2^53. Limbs of one
// amount may differ in sign. Sums and carries of such limbs stay below 2^53, where doubles are exact integers.
//
// Bounds: one pulse has at most 20 integer digits, so |l[0]| < 10^5, and 9 * 10^10 of the largest amounts fit in a sum. A
// larger sum turns l[0] into NaN for good. Comparing or formatting it throws a RangeError, so no digit is lost silently.

export const AMOUNT_LIMBS = 4;
export const INTEGER_DIGITS_MAX = 20;
export const FRACTION_DIGITS_MAX = 30;

/** Decimal digits of a limb. */
export const LIMB_DIGITS = 15;
const BASE = 1e15;

/** AMOUNT_LIMBS limbs. */
export type Amount = Float64Array;

/** Zero. */
export function createAmount(): Amount {
  return new Float64Array(AMOUNT_LIMBS);
}

/** Adds the amount at `source[sourceIndex…]` to the one at `target[targetIndex…]`. Indexes count limbs, not amounts. */
export function addAmountAt(
  target: Float64Array,
  targetIndex: number,
  source: Float64Array,
  sourceIndex: number,
): void {
  let carry = 0;
  for (let limb = AMOUNT_LIMBS - 1; limb > 0; limb -= 1) {
    let sum = (target[targetIndex + limb] as number) + (source[sourceIndex + limb] as number) + carry;
    carry = 0;
    if (sum >= BASE) {
      sum -= BASE;
      carry = 1;
    } else if (sum <= -BASE) {
      sum += BASE;
      carry = -1;
    }
    target[targetIndex + limb] = sum;
  }
  const top = (target[targetIndex] as number) + (source[sourceIndex] as number) + carry;
  target[targetIndex] = fits(top) ? top : NaN;
}

/** The sum as a new amount. */
export function addAmounts(left: Amount, right: Amount): Amount {
  const sum = left.slice();
  addAmountAt(sum, 0, right, 0);
  return sum;
}

/** The amount with the other sign, as a new one. */
export function negateAmount(amount: Amount): Amount {
  return amount.map((limb) => (limb === 0 ? 0 : -limb));
}

/**
 * Negative, zero or positive as `left` is less than, equal to or greater than `right`.
 * @throws RangeError when an amount or the difference overflows its limbs
 */
export function compareAmounts(left: Amount, right: Amount): number {
  return signAt(addAmounts(left, negateAmount(right)), 0);
}

/**
 * Whether the amount is zero, for any signs of its limbs.
 * @throws RangeError when the amount overflows its limbs
 */
export function isZeroAmount(amount: Amount): boolean {
  return signAt(amount, 0) === 0;
}

/**
 * -1, 0 or 1: the sign of the amount at `limbs[index…]`.
 * @throws RangeError when the amount overflows its limbs
 */
export function signAt(limbs: Float64Array, index: number): number {
  if (!fits(limbs[index] as number)) throw new RangeError('a sum exceeds its limit of 31 integer digits');
  // The first limb that is not zero decides: all lower ones together are less than one of its units.
  for (let limb = index; limb < index + AMOUNT_LIMBS; limb += 1) {
    const value = limbs[limb] as number;
    if (value !== 0) return value < 0 ? -1 : 1;
  }
  return 0;
}

/**
 * Fills `magnitude` with the limbs of the absolute value, each except the first from 0 to 10^15 - 1. `sign` is the
 * amount's.
 */
export function readMagnitude(limbs: Float64Array, index: number, sign: number, magnitude: Amount): void {
  let borrow = 0;
  for (let limb = AMOUNT_LIMBS - 1; limb > 0; limb -= 1) {
    const value = sign * (limbs[index + limb] as number) - borrow;
    borrow = value < 0 ? 1 : 0;
    magnitude[limb] = value < 0 ? value + BASE : value;
  }
  magnitude[0] = sign * (limbs[index] as number) - borrow;
}

/** Whether a first limb is exact; false for NaN. */
function fits(top: number): boolean {
  return top <= Number.MAX_SAFE_INTEGER && top >= -Number.MAX_SAFE_INTEGER;
}
