// The suite's own arithmetic, without code of the engines: amounts as BigInt multiples of 10^-30, and their limbs.

/** Weights of the limbs in WindowDelta and WindowSums: 10^15, 1, 10^-15 and 10^-30. */
const LIMBS = 4;
const BASE = 10n ** 15n;

/** 20 integer digits and 30 fraction digits, all nines. */
export const AMOUNT_MAX = 10n ** 50n - 1n;

/** Sets amount `row` of a column. The first limb takes what exceeds the lower ones. */
export function setAmount(limbs: Float64Array, row: number, amount: bigint): void {
  let rest = amount;
  for (let limb = LIMBS - 1; limb > 0; limb -= 1) {
    // `+ 0`: never -0.
    limbs[row * LIMBS + limb] = Number(rest % BASE) + 0;
    rest /= BASE;
  }
  limbs[row * LIMBS] = Number(rest) + 0;
}

/** Amount `row` of a column; its limbs may differ in sign. @throws Error for a limb that is no exact integer */
export function amountAt(limbs: Float64Array, row: number): bigint {
  let amount = 0n;
  for (let limb = 0; limb < LIMBS; limb += 1) {
    const value = limbs[row * LIMBS + limb];
    if (value === undefined || !Number.isSafeInteger(value)) throw new Error(`limb ${limb} of row ${row} is ${value}`);
    amount = amount * BASE + BigInt(value);
  }
  return amount;
}

export function columnOf(length: number): Float64Array {
  return new Float64Array(length * LIMBS);
}
