// Reads JSON numbers from bytes into exact amounts, digit by digit.
//
//   number = [ "-" ] int [ "." 1*DIGIT ] [ ( "e" / "E" ) [ "+" / "-" ] 1*DIGIT ]      (RFC 8259, section 6)
//   int    = "0" / ( %x31-39 *DIGIT )
//
// Digits are counted after the exponent is applied and leading and trailing zeros are dropped. So `1e400` is out of range,
// while `0e999999999999` and `1.0000…0` (any number of zeros) are valid.

import {
  AMOUNT_LIMBS,
  createAmount,
  FRACTION_DIGITS_MAX,
  INTEGER_DIGITS_MAX,
  LIMB_DIGITS,
  type Amount,
} from './amount';

const ZERO = 48;
const NINE = 57;
const MINUS = 45;
const PLUS = 43;
const POINT = 46;
/** `e`, and `E` with the bit for lower case set. */
const LOWER_E = 101;
const LOWER_CASE = 32;

const POWERS = Float64Array.from({ length: LIMB_DIGITS + 1 }, (_, exponent) => 10 ** exponent);

/** Larger exponents are read as this one, with the same outcome. */
const EXPONENT_MAX = 1_000_000_000;

/** Parses a JSON number; undefined when it is invalid or exceeds the digits of a pulse's amount. */
export function parseAmount(text: string): Amount | undefined {
  const bytes = Buffer.from(text, 'utf8');
  const end = bytes.byteLength;
  if (end === 0 || scanNumber(bytes, 0, end) !== end) return undefined;
  const amount = createAmount();
  return readAmount(bytes, 0, end, amount) ? amount : undefined;
}

/** Position after the JSON number at `start`; `start` itself when there is none. */
export function scanNumber(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  if (at < end && bytes[at] === MINUS) at += 1;
  if (at >= end || !isDigit(bytes[at] as number)) return start;
  at = bytes[at] === ZERO ? at + 1 : skipDigits(bytes, at, end);
  if (at < end && bytes[at] === POINT) {
    const fraction = at + 1;
    at = skipDigits(bytes, fraction, end);
    if (at === fraction) return start;
  }
  if (at < end && ((bytes[at] as number) | LOWER_CASE) === LOWER_E) {
    at += 1;
    if (at < end && (bytes[at] === PLUS || bytes[at] === MINUS)) at += 1;
    const exponent = at;
    at = skipDigits(bytes, exponent, end);
    if (at === exponent) return start;
  }
  return at;
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE;
}

function skipDigits(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && isDigit(bytes[at] as number)) at += 1;
  return at;
}

/**
 * Reads the number at `start`, in one pass for the common form.
 * @returns the position after it; -1 when it is missing or out of range
 */
export function readNumber(bytes: Uint8Array, start: number, end: number, amount: Amount): number {
  const behind = readPlainNumber(bytes, start, end, amount);
  if (behind >= 0) return behind;
  const numberEnd = scanNumber(bytes, start, end);
  return numberEnd > start && readAmount(bytes, start, numberEnd, amount) ? numberEnd : -1;
}

/**
 * Fast path: reads a number of up to 15 digits on each side of the point without exponent.
 * @returns the position after it; -1 for any other number, with `amount` unchanged
 */
function readPlainNumber(bytes: Uint8Array, start: number, end: number, amount: Amount): number {
  let at = start;
  const negative = at < end && bytes[at] === MINUS;
  if (negative) at += 1;
  const wholeStart = at;
  let whole = 0;
  for (; at < end; at += 1) {
    const digit = (bytes[at] as number) - ZERO;
    if (digit < 0 || digit > 9) break;
    whole = whole * 10 + digit;
  }
  const wholeDigits = at - wholeStart;
  if (wholeDigits === 0 || wholeDigits > LIMB_DIGITS || (wholeDigits > 1 && bytes[wholeStart] === ZERO)) return -1;
  let fraction = 0;
  if (at < end && bytes[at] === POINT) {
    at += 1;
    const fractionStart = at;
    for (; at < end; at += 1) {
      const digit = (bytes[at] as number) - ZERO;
      if (digit < 0 || digit > 9) break;
      fraction = fraction * 10 + digit;
    }
    const fractionDigits = at - fractionStart;
    if (fractionDigits === 0 || fractionDigits > LIMB_DIGITS) return -1;
    fraction *= POWERS[LIMB_DIGITS - fractionDigits] as number;
  }
  if (at < end && ((bytes[at] as number) | LOWER_CASE) === LOWER_E) return -1;
  amount[0] = 0;
  // `0 - x` for a negative number: never -0.
  amount[1] = negative ? 0 - whole : whole;
  amount[2] = negative ? 0 - fraction : fraction;
  amount[3] = 0;
  return at;
}

/**
 * Reads the JSON number `bytes[start, end)`, found by `scanNumber`, into `amount`.
 * @returns false when it has more than INTEGER_DIGITS_MAX integer or FRACTION_DIGITS_MAX fraction digits
 */
export function readAmount(bytes: Uint8Array, start: number, end: number, amount: Amount): boolean {
  amount.fill(0);
  const negative = bytes[start] === MINUS;
  const from = negative ? start + 1 : start;
  const point = skipDigits(bytes, from, end);
  const mantissaEnd = point < end && bytes[point] === POINT ? skipDigits(bytes, point + 1, end) : point;

  let first = from;
  while (first < mantissaEnd && (bytes[first] === ZERO || bytes[first] === POINT)) first += 1;
  if (first === mantissaEnd) return true;
  let last = mantissaEnd - 1;
  while (bytes[last] === ZERO || bytes[last] === POINT) last -= 1;

  const exponent = readExponent(bytes, mantissaEnd, end);
  const highest = powerOf(first, point) + exponent;
  const lowest = powerOf(last, point) + exponent;
  if (highest >= INTEGER_DIGITS_MAX || lowest < -FRACTION_DIGITS_MAX) return false;
  readDigits(bytes, first, last, highest, negative, amount);
  return true;
}

/** The power of ten of a digit, by its distance to the point. */
function powerOf(position: number, point: number): number {
  return position < point ? point - position - 1 : point - position;
}

/** Adds the digits `bytes[first, last]` to the limbs; the first one has the weight 10^highest. */
function readDigits(
  bytes: Uint8Array,
  first: number,
  last: number,
  highest: number,
  negative: boolean,
  amount: Amount,
): void {
  const placesFromRight = highest + FRACTION_DIGITS_MAX + 1;
  // The first limb takes all remaining digits.
  let limb = Math.max(0, AMOUNT_LIMBS - Math.ceil(placesFromRight / LIMB_DIGITS));
  let digitsLeft = placesFromRight - (AMOUNT_LIMBS - 1 - limb) * LIMB_DIGITS;
  let value = 0;
  for (let at = first; at <= last; at += 1) {
    if (bytes[at] === POINT) continue;
    value = value * 10 + ((bytes[at] as number) - ZERO);
    digitsLeft -= 1;
    if (digitsLeft > 0) continue;
    amount[limb] = negative ? 0 - value : value;
    limb += 1;
    digitsLeft = LIMB_DIGITS;
    value = 0;
  }
  if (value === 0) return;
  value *= POWERS[digitsLeft] as number;
  amount[limb] = negative ? -value : value;
}

/** The exponent after the `e` at `start`, or 0 without one. */
function readExponent(bytes: Uint8Array, start: number, end: number): number {
  if (start === end) return 0;
  let at = start + 1;
  const negative = bytes[at] === MINUS;
  if (negative || bytes[at] === PLUS) at += 1;
  let exponent = 0;
  for (; at < end; at += 1) exponent = Math.min(exponent * 10 + ((bytes[at] as number) - ZERO), EXPONENT_MAX);
  return negative ? -exponent : exponent;
}
