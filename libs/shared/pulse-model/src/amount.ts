// Exact amounts: decimal fixed point in limbs, no binary fraction and no BigInt on the way.
//
// An amount is AMOUNT_LIMBS numbers, most significant first:
//
//   value = l[0] * 10^15 + l[1] + l[2] * 10^-15 + l[3] * 10^-30
//
// Each limb is an integer; l[1] to l[3] lie strictly between -10^15 and 10^15, l[0] between -2^53 and 2^53. Limbs of one
// amount may differ in sign. Sums and carries of such limbs stay below 2^53, where doubles are exact integers.
//
// Bounds: one pulse has at most 20 integer digits, so |l[0]| < 10^5, and 9 * 10^10 of the largest amounts fit in a sum. A
// sum beyond that makes l[0] inexact, which formatting refuses with a RangeError instead of showing a wrong number.

export const AMOUNT_LIMBS = 4;
export const INTEGER_DIGITS_MAX = 20;
export const FRACTION_DIGITS_MAX = 30;

const LIMB_DIGITS = 15;
const BASE = 1e15;
const FRACTION_LIMBS = 2;

/** AMOUNT_LIMBS limbs. */
export type Amount = Float64Array;

/** Zero. */
export function createAmount(): Amount {
  return new Float64Array(AMOUNT_LIMBS);
}

/** Adds the amount at `source[sourceIndex…]` to the one at `target[targetIndex…]`. Indexes count limbs, not amounts. */
export function addAmountAt(target: Float64Array, targetIndex: number, source: Float64Array, sourceIndex: number): void {
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
  target[targetIndex] = (target[targetIndex] as number) + (source[sourceIndex] as number) + carry;
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

/** Negative, zero or positive as `left` is less than, equal to or greater than `right`. */
export function compareAmounts(left: Amount, right: Amount): number {
  return signAt(addAmounts(left, negateAmount(right)), 0);
}

/** True for the value zero, whatever the limbs. */
export function isZeroAmount(amount: Amount): boolean {
  return signAt(amount, 0) === 0;
}

const canonical = new Float64Array(AMOUNT_LIMBS);

/** Fills `canonical` with the limbs of the absolute value, each from 0 to 10^15 - 1; answers the sign. */
function signAt(limbs: Float64Array, index: number): number {
  let sign = 0;
  for (let limb = 0; limb < AMOUNT_LIMBS && sign === 0; limb += 1) sign = Math.sign(limbs[index + limb] as number);
  // The first limb decides: the ones behind it together are worth less than one of its units.
  let borrow = 0;
  for (let limb = AMOUNT_LIMBS - 1; limb >= 0; limb -= 1) {
    let value = sign * (limbs[index + limb] as number) + borrow;
    borrow = 0;
    if (limb > 0 && value < 0) {
      value += BASE;
      borrow = -1;
    }
    canonical[limb] = value;
  }
  return sign;
}

/** The most bytes that `writeAmount` writes: sign, the digits of 2^53 * 10^15, point, fraction. */
export const AMOUNT_BYTES_MAX = 1 + 16 + LIMB_DIGITS + 1 + FRACTION_DIGITS_MAX;

const ZERO = 48;
const MINUS = 45;
const POINT = 46;

/**
 * Writes the amount in plain decimal notation: no exponent, no trailing zeros, no `-0`.
 * @returns the position behind it
 * @throws RangeError when the sum has outgrown its limbs
 */
export function writeAmount(limbs: Float64Array, index: number, out: Uint8Array, position: number): number {
  const sign = signAt(limbs, index);
  if ((canonical[0] as number) > Number.MAX_SAFE_INTEGER) throw new RangeError('a sum has outgrown its 31 integer digits');
  let at = position;
  if (sign < 0) out[at++] = MINUS;
  const high = canonical[0] as number;
  if (high > 0) {
    at = writeInteger(high, out, at);
    at = writeLimb(canonical[1] as number, out, at);
  } else {
    at = writeInteger(canonical[1] as number, out, at);
  }
  if (canonical[2] === 0 && canonical[3] === 0) return at;
  out[at++] = POINT;
  at = writeLimb(canonical[2] as number, out, at);
  if (canonical[3] !== 0) at = writeLimb(canonical[3] as number, out, at);
  while (out[at - 1] === ZERO) at -= 1;
  return at;
}

/** Writes a whole number from 0 to 2^53 - 1 in decimal; answers the position behind it. */
export function writeInteger(value: number, out: Uint8Array, position: number): number {
  let digits = 1;
  for (let bound = 10; value >= bound; bound *= 10) digits += 1;
  writeDigits(value, digits, out, position);
  return position + digits;
}

function writeLimb(value: number, out: Uint8Array, position: number): number {
  writeDigits(value, LIMB_DIGITS, out, position);
  return position + LIMB_DIGITS;
}

function writeDigits(value: number, digits: number, out: Uint8Array, position: number): void {
  let rest = value;
  let at = position + digits - 1;
  // Above 2^31 a division costs a floating-point call; split once and go on with small integers.
  for (; rest > 0x7fff_ffff; at -= 1) {
    const quotient = Math.floor(rest / 10);
    out[at] = ZERO + (rest - quotient * 10);
    rest = quotient;
  }
  let small = rest | 0;
  for (; at >= position; at -= 1) {
    const quotient = (small / 10) | 0;
    out[at] = ZERO + (small - quotient * 10);
    small = quotient;
  }
}

const scratch = new Uint8Array(AMOUNT_BYTES_MAX);

/** The amount at `limbs[index…]` as text, like `writeAmount`. */
export function formatAmount(limbs: Float64Array, index = 0): string {
  return Buffer.from(scratch.buffer, 0, writeAmount(limbs, index, scratch, 0)).toString('latin1');
}

/**
 * Reads a JSON number's text. Undefined when it is none, or has more digits than an amount holds.
 */
export function parseAmount(text: string): Amount | undefined {
  const bytes = Buffer.from(text, 'utf8');
  const amount = createAmount();
  const end = scanNumber(bytes, 0, bytes.byteLength);
  if (end !== bytes.byteLength || end === 0) return undefined;
  return readAmount(bytes, 0, end, amount) ? amount : undefined;
}

const EXPONENT_MAX = 1_000_000_000;

/** Position behind the JSON number (RFC 8259, section 6) that starts at `start`; `start` itself when there is none. */
export function scanNumber(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  if (at < end && bytes[at] === MINUS) at += 1;
  const first = at < end ? (bytes[at] as number) : 0;
  if (first < 48 || first > 57) return start;
  at += 1;
  if (first !== ZERO) at = skipDigits(bytes, at, end);
  if (at < end && bytes[at] === POINT) {
    const fraction = skipDigits(bytes, at + 1, end);
    if (fraction === at + 1) return start;
    at = fraction;
  }
  if (at < end && ((bytes[at] as number) | 32) === 101) {
    let exponent = at + 1;
    if (exponent < end && (bytes[exponent] === 43 || bytes[exponent] === MINUS)) exponent += 1;
    const behind = skipDigits(bytes, exponent, end);
    if (behind === exponent) return start;
    at = behind;
  }
  return at;
}

function skipDigits(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && (bytes[at] as number) >= 48 && (bytes[at] as number) <= 57) at += 1;
  return at;
}

/**
 * Reads the JSON number `bytes[start, end)`, which `scanNumber` has found, into `amount`.
 *
 * @returns false when the value, written without exponent and without leading or trailing zeros, has more than
 * INTEGER_DIGITS_MAX integer or FRACTION_DIGITS_MAX fraction digits
 */
export function readAmount(bytes: Uint8Array, start: number, end: number, amount: Amount): boolean {
  amount[0] = 0;
  amount[1] = 0;
  amount[2] = 0;
  amount[3] = 0;
  const negative = bytes[start] === MINUS;
  const from = negative ? start + 1 : start;

  // A whole number of up to 15 digits, or one with up to 15 more behind the point: nearly every amount.
  let whole = 0;
  let at = from;
  for (; at < end && (bytes[at] as number) >= 48; at += 1) {
    if ((bytes[at] as number) > 57 || at - from >= LIMB_DIGITS) return readLongAmount(bytes, from, end, negative, amount);
    whole = whole * 10 + ((bytes[at] as number) - ZERO);
  }
  let fraction = 0;
  if (at < end) {
    const point = at;
    for (at += 1; at < end; at += 1) {
      const byte = bytes[at] as number;
      if (byte > 57 || byte < 48 || at - point > LIMB_DIGITS) return readLongAmount(bytes, from, end, negative, amount);
      fraction = fraction * 10 + (byte - ZERO);
    }
    fraction *= POWERS[LIMB_DIGITS - (end - point - 1)] as number;
  }
  amount[1] = negative && whole !== 0 ? -whole : whole;
  amount[2] = negative && fraction !== 0 ? -fraction : fraction;
  return true;
}

const POWERS = Array.from({ length: LIMB_DIGITS + 1 }, (_, exponent) => 10 ** exponent);

/** Any JSON number without its sign: each significant digit goes to the limb of its power of ten. */
function readLongAmount(bytes: Uint8Array, from: number, end: number, negative: boolean, amount: Amount): boolean {
  let mantissaEnd = from;
  while (mantissaEnd < end && ((bytes[mantissaEnd] as number) | 32) !== 101) mantissaEnd += 1;
  let point = from;
  while (point < mantissaEnd && bytes[point] !== POINT) point += 1;
  const exponent = readExponent(bytes, mantissaEnd, end);

  let firstDigit = from;
  while (firstDigit < mantissaEnd && (bytes[firstDigit] === ZERO || bytes[firstDigit] === POINT)) firstDigit += 1;
  if (firstDigit === mantissaEnd) return true;
  let lastDigit = mantissaEnd - 1;
  while (bytes[lastDigit] === ZERO || bytes[lastDigit] === POINT) lastDigit -= 1;

  // The power of ten of a digit: the distance to the point, moved by the exponent.
  const powerOf = (position: number) => (position < point ? point - position - 1 : point - position) + exponent;
  if (powerOf(firstDigit) >= INTEGER_DIGITS_MAX || powerOf(lastDigit) < -FRACTION_DIGITS_MAX) return false;
  for (let at = firstDigit; at <= lastDigit; at += 1) {
    if (bytes[at] === POINT) continue;
    const shifted = powerOf(at) + FRACTION_LIMBS * LIMB_DIGITS;
    const limb = AMOUNT_LIMBS - 1 - Math.floor(shifted / LIMB_DIGITS);
    const digit = ((bytes[at] as number) - ZERO) * (POWERS[shifted % LIMB_DIGITS] as number);
    amount[limb] = (amount[limb] as number) + (negative ? -digit : digit);
  }
  return true;
}

/** The exponent behind `e`, held within bounds that decide like the exact one. */
function readExponent(bytes: Uint8Array, mantissaEnd: number, end: number): number {
  if (mantissaEnd === end) return 0;
  let at = mantissaEnd + 1;
  const negative = bytes[at] === MINUS;
  if (negative || bytes[at] === 43) at += 1;
  let exponent = 0;
  for (; at < end; at += 1) exponent = Math.min(exponent * 10 + ((bytes[at] as number) - ZERO), EXPONENT_MAX);
  return negative ? -exponent : exponent;
}
