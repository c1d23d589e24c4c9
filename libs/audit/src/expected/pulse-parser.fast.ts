// The fast path: parses source messages of the common shape from their bytes.
//
// Shares no code with the ingestor's reader. Leaves every message of another shape to pulse-parser.ts. That is escapes,
// nested values, many unknown keys, control characters, numbers with an exponent or out of range, and everything
// invalid. The spec compares the two parsers.

import {
  createAmount,
  LABEL_BYTES_MAX,
  parseAmount,
  PULSE_BYTES_MAX,
  PULSE_ID_BYTES_MAX,
  type Amount,
} from '@pulses/shared-pulse-model';

/** A pulse; the ranges refer to `text`, which is UTF-8. Used again for the next one. */
export class PulseFields {
  text: Uint8Array = new Uint8Array(0);
  tenantStart = 0;
  tenantEnd = 0;
  skuStart = 0;
  skuEnd = 0;
  unitStart = 0;
  unitEnd = 0;
  readonly amount = createAmount();
}

const LINE_FEED = 10;
const SPACE = 32;
const QUOTE = 34;
const COMMA = 44;
const MINUS = 45;
const POINT = 46;
const ZERO = 48;
const COLON = 58;
const BACKSLASH = 92;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;
const DELETE = 127;
/** First byte of U+0080 to U+00BF; the first half of these are control characters. */
const CONTROL_LEAD = 0xc2;

const TENANT = 1;
const SKU = 2;
const AMOUNT = 4;
const UNIT = 8;
const PULSE_ID = 16;
const TIMESTAMP = 32;
const NEEDED = TENANT | SKU | AMOUNT | UNIT;

const KEYS = [
  { name: Buffer.from('"tenant_id"'), field: TENANT },
  { name: Buffer.from('"product_sku"'), field: SKU },
  { name: Buffer.from('"used_ammount"'), field: AMOUNT },
  { name: Buffer.from('"use_unity"'), field: UNIT },
  { name: Buffer.from('"pulse_id"'), field: PULSE_ID },
  { name: Buffer.from('"timestamp"'), field: TIMESTAMP },
  { name: Buffer.from('"used_amount"'), field: AMOUNT },
  { name: Buffer.from('"use_unit"'), field: UNIT },
] as const;
type Key = (typeof KEYS)[number];

const UNKNOWN_KEYS_MAX = 4;
/** Digits that fit in a limb of an amount. */
const LIMB_DIGITS = 15;
const SCALES = Float64Array.from({ length: LIMB_DIGITS + 1 }, (_, digits) => 10 ** (LIMB_DIGITS - digits));
const WORDS = [Buffer.from('true'), Buffer.from('false'), Buffer.from('null')];

/** 1 for a byte that needs no escape in a JSON string. */
export const NEEDS_NO_ESCAPE = Uint8Array.from({ length: 256 }, (_, byte) =>
  Number(byte >= SPACE && byte < DELETE && byte !== QUOTE && byte !== BACKSLASH),
);

export class FastPulseParser {
  private readonly timestamp = createAmount();
  /** Prediction: the key of the n-th member in the last message. */
  private readonly usual: Key[] = [...KEYS];
  private readonly unknownStarts = new Int32Array(UNKNOWN_KEYS_MAX);
  private readonly unknownEnds = new Int32Array(UNKNOWN_KEYS_MAX);

  /**
   * Parses the message that starts at `start` and ends at the next line feed. `isUtf8`: all of `bytes` is UTF-8.
   * Answers the position of its line feed, or -1 to leave the message to the full parser; `pulse` is undefined data then.
   */
  parse(bytes: Uint8Array, start: number, isUtf8: boolean, pulse: PulseFields): number {
    let at = skipSpace(bytes, start);
    if (bytes[at] !== OPEN_BRACE) return -1;
    let seen = 0;
    let unknownCount = 0;
    for (let member = 0; ; member += 1) {
      at = skipSpace(bytes, at + 1);
      const keyStart = at;
      let key = this.usual[member];
      if (key !== undefined && standsAt(key.name, bytes, at)) at += key.name.length;
      else {
        at = plainStringEnd(bytes, at, isUtf8);
        if (at < 0) return -1;
        key = keyNamed(bytes, keyStart, at);
        if (key !== undefined && member < this.usual.length) this.usual[member] = key;
      }
      const keyEnd = at;
      at = skipSpace(bytes, at);
      if (bytes[at] !== COLON) return -1;
      at = skipSpace(bytes, at + 1);
      if (key === undefined) {
        if (unknownCount === UNKNOWN_KEYS_MAX || !this.isNew(bytes, keyStart, keyEnd, unknownCount)) return -1;
        unknownCount += 1;
        at = scalarEnd(bytes, at, isUtf8, this.timestamp);
      } else {
        if ((seen & key.field) !== 0) return -1;
        seen |= key.field;
        at = this.readValue(key.field, bytes, at, isUtf8, pulse);
      }
      if (at < 0) return -1;
      at = skipSpace(bytes, at);
      if (bytes[at] !== COMMA) break;
    }
    if (bytes[at] !== CLOSE_BRACE || (seen & NEEDED) !== NEEDED) return -1;
    at = skipSpace(bytes, at + 1);
    if (bytes[at] !== LINE_FEED || at - start > PULSE_BYTES_MAX) return -1;
    pulse.text = bytes;
    return at;
  }

  /** Answers the position after the value, or -1. */
  private readValue(field: number, bytes: Uint8Array, start: number, isUtf8: boolean, pulse: PulseFields): number {
    if (bytes[start] !== QUOTE) {
      if (field === AMOUNT) return readNumber(bytes, start, pulse.amount);
      return field === TIMESTAMP ? readNumber(bytes, start, this.timestamp) : -1;
    }
    const behind = plainStringEnd(bytes, start, isUtf8);
    const [from, to] = [start + 1, behind - 1];
    if (to <= from || to - from > LABEL_BYTES_MAX) return -1;
    switch (field) {
      case TENANT:
        pulse.tenantStart = from;
        pulse.tenantEnd = to;
        return behind;
      case SKU:
        pulse.skuStart = from;
        pulse.skuEnd = to;
        return behind;
      case UNIT:
        pulse.unitStart = from;
        pulse.unitEnd = to;
        return behind;
      case AMOUNT:
        return readNumber(bytes, from, pulse.amount) === to ? behind : -1;
      case PULSE_ID:
        return to - from <= PULSE_ID_BYTES_MAX ? behind : -1;
      default:
        return -1;
    }
  }

  private isNew(bytes: Uint8Array, start: number, end: number, count: number): boolean {
    for (let index = 0; index < count; index += 1) {
      const other = this.unknownStarts[index] as number;
      if ((this.unknownEnds[index] as number) - other !== end - start) continue;
      let same = 0;
      while (start + same < end && bytes[start + same] === bytes[other + same]) same += 1;
      if (start + same === end) return false;
    }
    this.unknownStarts[count] = start;
    this.unknownEnds[count] = end;
    return true;
  }
}

/** JSON's white space except the line feed, which ends the message. */
function skipSpace(bytes: Uint8Array, start: number): number {
  let at = start;
  while (bytes[at] === SPACE || bytes[at] === 9 || bytes[at] === 13) at += 1;
  return at;
}

function standsAt(word: Uint8Array, bytes: Uint8Array, start: number): boolean {
  for (let index = 0; index < word.length; index += 1) if (bytes[start + index] !== word[index]) return false;
  return true;
}

function keyNamed(bytes: Uint8Array, start: number, end: number): Key | undefined {
  return KEYS.find(({ name }) => name.length === end - start && standsAt(name, bytes, start));
}

/** The position after a string without escapes and control characters; -1 for anything else. */
function plainStringEnd(bytes: Uint8Array, start: number, isUtf8: boolean): number {
  if (bytes[start] !== QUOTE) return -1;
  for (let at = start + 1; at < bytes.length; at += 1) {
    const byte = bytes[at] as number;
    if (NEEDS_NO_ESCAPE[byte] === 1) continue;
    if (byte === QUOTE) return at + 1;
    if (!isUtf8 || byte <= DELETE || (byte === CONTROL_LEAD && (bytes[at + 1] as number) < 0xa0)) return -1;
  }
  return -1;
}

/** The position after a simple string, number or word; -1 for anything else. */
function scalarEnd(bytes: Uint8Array, start: number, isUtf8: boolean, scratch: Amount): number {
  if (bytes[start] === QUOTE) return plainStringEnd(bytes, start, isUtf8);
  const word = WORDS.find((candidate) => standsAt(candidate, bytes, start));
  return word === undefined ? readNumber(bytes, start, scratch) : start + word.length;
}

/** Reads a number into `amount`; answers the position after it, or -1 when it is not a simple amount. */
function readNumber(bytes: Uint8Array, start: number, amount: Amount): number {
  let at = bytes[start] === MINUS ? start + 1 : start;
  const sign = at === start ? 1 : -1;
  const wholeStart = at;
  let whole = 0;
  for (let digit = digitAt(bytes, at); digit >= 0; digit = digitAt(bytes, at)) {
    whole = whole * 10 + digit;
    at += 1;
  }
  const wholeDigits = at - wholeStart;
  let fraction = 0;
  let fractionDigits = 0;
  if (bytes[at] === POINT) {
    const fractionStart = at + 1;
    at = fractionStart;
    for (let digit = digitAt(bytes, at); digit >= 0; digit = digitAt(bytes, at)) {
      fraction = fraction * 10 + digit;
      at += 1;
    }
    fractionDigits = at - fractionStart;
    if (fractionDigits === 0) return -1;
  }
  const hasExponent = bytes[at] === 69 || bytes[at] === 101;
  if (wholeDigits === 0 || hasExponent || (wholeDigits > 1 && bytes[wholeStart] === ZERO)) return -1;
  if (wholeDigits > LIMB_DIGITS || fractionDigits > LIMB_DIGITS) return readLongNumber(bytes, start, at, amount);
  amount[0] = 0;
  // `0 +` turns -0 into 0.
  amount[1] = 0 + sign * whole;
  amount[2] = 0 + sign * fraction * (SCALES[fractionDigits] as number);
  amount[3] = 0;
  return at;
}

/** The value of the digit, or a negative number. */
function digitAt(bytes: Uint8Array, at: number): number {
  const digit = (bytes[at] as number) - ZERO;
  return digit <= 9 ? digit : -1;
}

function readLongNumber(bytes: Uint8Array, start: number, end: number, amount: Amount): number {
  const parsed = parseAmount(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1'));
  if (parsed === undefined) return -1;
  amount.set(parsed);
  return end;
}
