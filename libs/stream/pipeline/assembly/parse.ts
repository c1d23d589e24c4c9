// Parses a pulse in the usual form, 16 bytes at a time where that pays.
//
// Usual: the known keys in any order, each once, with at most one space behind a colon or comma. Strings have no
// escapes and no control characters, and a `pulse_id` is ASCII. Numbers have up to 15 digits on either side of the
// point, and no exponent. Anything else is refused here and left to the reader of the pulse model. If the labels of a
// usual line are those of a key that this reader has accepted before, it is a pulse with the same values. So labels
// need no check of their UTF-8.
//
// Reads up to 16 bytes beyond the line's end; a parse that runs past the end is refused, since places only grow.

import { powers, tokens } from './memory';

const TENANT: u32 = 1;
const SKU: u32 = 2;
const UNIT: u32 = 4;
const AMOUNT: u32 = 8;
const PULSE_ID: u32 = 16;
const REQUIRED: u32 = 15;
const NUMBERS: u32 = 8 | 32;

const TOKEN_BYTES: usize = 48;
const TOKENS: u32 = 8;

const LABEL_BYTES_MAX: usize = 256;
const PULSE_ID_BYTES_MAX: usize = 128;
const LIMB_DIGITS: usize = 15;

const SPACE: u8 = 32;
const QUOTE: u8 = 34;
const COMMA: u8 = 44;
const MINUS: u8 = 45;
const POINT: u8 = 46;
const ZERO: u8 = 48;
const OPEN_BRACE: u8 = 123;
const CLOSE_BRACE: u8 = 125;
const RETURN: u8 = 13;

// The result of the last `parse`.
export let tenantAt: usize = 0;
export let tenantEnd: usize = 0;
export let skuAt: usize = 0;
export let skuEnd: usize = 0;
export let unitAt: usize = 0;
export let unitEnd: usize = 0;
/** The amount: whole units, and 10^-15 of units, of one sign. */
export let whole: f64 = 0;
export let fraction: f64 = 0;
/** Its shortest plain text, without zeros at the end and without `-0`. */
export let amountAt: usize = 0;
export let amountEnd: usize = 0;

/** The token that stood last at the n-th place, 8 places of 8 bits. */
let guesses: u64 = 0x0706050403020100;

/** Whether `[start, end)` is a pulse in the usual form. */
export function parse(start: usize, end: usize): bool {
  let at = start;
  if (load<u8>(at) != OPEN_BRACE) return false;
  let seen: u32 = 0;
  let shift: u64 = 0;
  let byte: u8 = 0;
  do {
    at += 1;
    if (load<u8>(at) == SPACE) at += 1;
    let token = tokens + <usize>((guesses >> shift) & 0xff) * TOKEN_BYTES;
    if (!isToken(at, token)) {
      token = findToken(at);
      if (token == 0) return false;
      const index = <u64>((token - tokens) / TOKEN_BYTES);
      guesses = (guesses & ~((<u64>0xff) << shift)) | (index << shift);
    }
    shift += 8;
    const field = load<u32>(token, 36);
    if ((seen & field) != 0) return false;
    seen |= field;
    at += load<u32>(token, 32);
    if (load<u8>(at) == SPACE) at += 1;
    at = (field & NUMBERS) != 0 ? number(at, field == AMOUNT) : label(at, field);
    if (at == 0) return false;
    byte = load<u8>(at);
  } while (byte == COMMA);
  if (byte != CLOSE_BRACE || (seen & REQUIRED) != REQUIRED) return false;
  at += 1;
  return at == end || (at + 1 == end && load<u8>(at) == RETURN);
}

function isToken(at: usize, token: usize): bool {
  return !v128.any_true(v128.and(v128.xor(v128.load(at), v128.load(token)), v128.load(token, 16)));
}

/** The place of the token at `at`, or 0. */
function findToken(at: usize): usize {
  for (let index: u32 = 0; index < TOKENS; index++) {
    const token = tokens + <usize>index * TOKEN_BYTES;
    if (isToken(at, token)) return token;
  }
  return 0;
}

/** The place behind a quoted string, or 0 when it is not usual. */
function label(at: usize, field: u32): usize {
  if (load<u8>(at) != QUOTE) return 0;
  const start = at + 1;
  const end = plainEnd(start, field == PULSE_ID);
  if (end == 0) return 0;
  const bytes = end - start;
  if (bytes == 0 || bytes > (field == PULSE_ID ? PULSE_ID_BYTES_MAX : LABEL_BYTES_MAX)) return 0;
  if (field == TENANT) {
    tenantAt = start;
    tenantEnd = end;
  } else if (field == SKU) {
    skuAt = start;
    skuEnd = end;
  } else if (field == UNIT) {
    unitAt = start;
    unitEnd = end;
  }
  return end + 1;
}

/** The closing quote of a string without backslashes and control characters, at most 271 bytes away, or 0. */
function plainEnd(start: usize, isAscii: bool): usize {
  for (let at = start; at <= start + LABEL_BYTES_MAX; at += 16) {
    const text = v128.load(at);
    // As signed numbers, bytes above ASCII are below zero.
    const low = isAscii ? i8x16.lt_s(text, i8x16.splat(32)) : i8x16.lt_u(text, i8x16.splat(32));
    const special = v128.or(v128.or(i8x16.eq(text, i8x16.splat(34)), i8x16.eq(text, i8x16.splat(92))), low);
    const bits = i8x16.bitmask(special);
    if (bits != 0) {
      const end = at + <usize>ctz(bits);
      return load<u8>(end) == QUOTE ? end : 0;
    }
  }
  return 0;
}

/** The place behind a number, or 0 when it is not usual. */
function number(start: usize, isAmount: bool): usize {
  const negative = load<u8>(start) == MINUS;
  const wholeAt = negative ? start + 1 : start;
  let at = wholeAt;
  let high: u64 = 0;
  let digit = <u32>load<u8>(at) - ZERO;
  while (digit < 10) {
    high = high * 10 + digit;
    at += 1;
    digit = <u32>load<u8>(at) - ZERO;
  }
  const wholeDigits = at - wholeAt;
  if (wholeDigits == 0 || wholeDigits > LIMB_DIGITS) return 0;
  if (wholeDigits > 1 && load<u8>(wholeAt) == ZERO) return 0;
  let textEnd = at;
  let low: u64 = 0;
  let fractionDigits: usize = 0;
  if (load<u8>(at) == POINT) {
    const fractionAt = at + 1;
    at = fractionAt;
    digit = <u32>load<u8>(at) - ZERO;
    while (digit < 10) {
      low = low * 10 + digit;
      at += 1;
      digit = <u32>load<u8>(at) - ZERO;
    }
    fractionDigits = at - fractionAt;
    if (fractionDigits == 0 || fractionDigits > LIMB_DIGITS) return 0;
    if (low != 0) {
      textEnd = at;
      while (load<u8>(textEnd - 1) == ZERO) textEnd -= 1;
    }
  }
  if (!isAmount) return at;
  const isZero = high == 0 && low == 0;
  const wholeUnits = <f64>high;
  const parts = <f64>low * load<f64>(powers + ((LIMB_DIGITS - fractionDigits) << 3));
  // `0 - x`, never -0.
  whole = negative ? 0 - wholeUnits : wholeUnits;
  fraction = negative ? 0 - parts : parts;
  amountAt = isZero ? wholeAt : start;
  amountEnd = textEnd;
  return at;
}
