// Writes amounts and integers as ASCII digits in place, without a string.

import { AMOUNT_LIMBS, FRACTION_DIGITS_MAX, LIMB_DIGITS, readMagnitude, signAt, type Amount } from './amount';

/** The most bytes that `writeAmount` writes: sign, the digits of 2^53 * 10^15, point, fraction. */
export const AMOUNT_BYTES_MAX = 1 + 16 + LIMB_DIGITS + 1 + FRACTION_DIGITS_MAX;

const ZERO = 48;
const MINUS = 45;
const POINT = 46;
/** A limb is written as two 31-bit integers: its first 7 and its last 8 digits. */
const LOW_DIGITS = 8;
const LOW_BASE = 1e8;
const INT31_MAX = 0x7fff_ffff;

const magnitude: Amount = new Float64Array(AMOUNT_LIMBS);

/**
 * Writes the amount at `limbs[index…]` in plain decimal notation: no exponent, no trailing zeros, no `-0`.
 * @returns the position after it
 * @throws RangeError when the sum overflows its limbs
 */
export function writeAmount(limbs: Float64Array, index: number, out: Uint8Array, position: number): number {
  const sign = signAt(limbs, index);
  readMagnitude(limbs, index, sign, magnitude);
  let at = position;
  if (sign < 0) out[at++] = MINUS;
  const high = magnitude[0] as number;
  if (high > 0) {
    at = writeInteger(high, out, at);
    at = writeLimb(magnitude[1] as number, out, at);
  } else {
    at = writeInteger(magnitude[1] as number, out, at);
  }
  const [tenths, last] = [magnitude[2] as number, magnitude[3] as number];
  if (tenths === 0 && last === 0) return at;
  out[at++] = POINT;
  at = writeLimb(tenths, out, at);
  if (last !== 0) at = writeLimb(last, out, at);
  while (out[at - 1] === ZERO) at -= 1;
  return at;
}

/** Writes an integer from 0 to 2^53 - 1 in decimal and returns the position after it. */
export function writeInteger(value: number, out: Uint8Array, position: number): number {
  if (value <= INT31_MAX) return writeSmall(value | 0, digitsOf(value), out, position);
  const high = Math.floor(value / LOW_BASE);
  return writeSmall((value - high * LOW_BASE) | 0, LOW_DIGITS, out, writeInteger(high, out, position));
}

function writeLimb(value: number, out: Uint8Array, position: number): number {
  const high = Math.floor(value / LOW_BASE);
  const at = writeSmall(high | 0, LIMB_DIGITS - LOW_DIGITS, out, position);
  return writeSmall((value - high * LOW_BASE) | 0, LOW_DIGITS, out, at);
}

function digitsOf(value: number): number {
  let digits = 1;
  for (let bound = 10; value >= bound; bound *= 10) digits += 1;
  return digits;
}

/** Writes `digits` digits of an integer below 2^31, from the last to the first. */
function writeSmall(value: number, digits: number, out: Uint8Array, position: number): number {
  let rest = value;
  for (let at = position + digits - 1; at >= position; at -= 1) {
    const quotient = (rest / 10) | 0;
    out[at] = ZERO + (rest - quotient * 10);
    rest = quotient;
  }
  return position + digits;
}

const scratch = Buffer.alloc(AMOUNT_BYTES_MAX);

/**
 * The amount at `limbs[index…]` as text, in the format of `writeAmount`.
 * @throws RangeError when the sum overflows its limbs
 */
export function formatAmount(limbs: Float64Array, index = 0): string {
  return scratch.toString('latin1', 0, writeAmount(limbs, index, scratch, 0));
}
