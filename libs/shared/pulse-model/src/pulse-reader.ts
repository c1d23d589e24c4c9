// The codec of pulses: one pass over the bytes of a message, no object for any of them.
//
// Guarantees: accepts exactly the messages of `pulseSchema` (and of contract section 2), with the values it reads; never
// throws on any input; takes time linear in the length. The common shape (known keys, no escapes, ASCII) is read in place;
// everything else is decided by `readSlowly`, in the fixed order of DEAD_LETTER_REASONS.

import { AMOUNT_LIMBS, readAmount, scanNumber, type Amount } from './amount';
import type { DeadLetterReason } from './dead-letter-reason';
import { LABEL_BYTES_MAX, PULSE_BYTES_MAX, PULSE_ID_BYTES_MAX } from './limits';
import { readSlowly } from './slow-reader';

/** A pulse read, or the reason why a message is none. Valid until the next `read`. */
export interface PulseReader {
  /** Reads the message `bytes[start, end)`, which holds no line end. True: it is a pulse. */
  read(bytes: Uint8Array, start: number, end: number): boolean;
  /** What the ranges below refer to: the input itself, or a copy without escapes. UTF-8. */
  text: Uint8Array;
  tenantStart: number;
  tenantEnd: number;
  skuStart: number;
  skuEnd: number;
  unitStart: number;
  unitEnd: number;
  /** AMOUNT_LIMBS limbs. */
  readonly amount: Amount;
  reason: DeadLetterReason;
  /** The reason for people; holds no bytes of the message. */
  detail: string;
}

const QUOTE = 34;
const BACKSLASH = 92;
const COMMA = 44;
const COLON = 58;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;
const SPACE = 32;
const DELETE = 127;

const TENANT = 1;
const SKU = 2;
const UNIT = 4;
const AMOUNT = 8;
const PULSE_ID = 16;
const TIMESTAMP = 32;
const REQUIRED = TENANT | SKU | UNIT | AMOUNT;

interface KnownKey {
  readonly name: Uint8Array;
  readonly field: number;
}

/** Known keys by length; those of one length differ in their first or second byte or are compared in turn. */
const KEYS_BY_LENGTH: readonly (readonly KnownKey[])[] = (() => {
  const fields: Readonly<Record<string, number>> = {
    tenant_id: TENANT,
    product_sku: SKU,
    use_unity: UNIT,
    use_unit: UNIT,
    used_ammount: AMOUNT,
    used_amount: AMOUNT,
    pulse_id: PULSE_ID,
    timestamp: TIMESTAMP,
  };
  const byLength: KnownKey[][] = Array.from({ length: 16 }, () => []);
  for (const [name, field] of Object.entries(fields)) byLength[name.length]?.push({ name: Buffer.from(name), field });
  return byLength;
})();

const timestampScratch = new Float64Array(AMOUNT_LIMBS);

class Reader implements PulseReader {
  text: Uint8Array = new Uint8Array(0);
  tenantStart = 0;
  tenantEnd = 0;
  skuStart = 0;
  skuEnd = 0;
  unitStart = 0;
  unitEnd = 0;
  readonly amount = new Float64Array(AMOUNT_LIMBS);
  reason: DeadLetterReason = 'not_json';
  detail = '';

  read(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start > PULSE_BYTES_MAX) {
      this.reason = 'line_too_long';
      this.detail = `the line has ${end - start} bytes; at most ${PULSE_BYTES_MAX} are allowed`;
      return false;
    }
    return this.readInPlace(bytes, start, end) || readSlowly(this, bytes, start, end);
  }

  /** False: not of the common shape; nothing is decided. */
  private readInPlace(bytes: Uint8Array, start: number, end: number): boolean {
    let at = skipSpace(bytes, start, end);
    if (at >= end || bytes[at] !== OPEN_BRACE) return false;
    let seen = 0;
    do {
      at = skipSpace(bytes, at + 1, end);
      if (at >= end || bytes[at] !== QUOTE) return false;
      const keyStart = at + 1;
      const keyEnd = stringEnd(bytes, keyStart, end);
      if (keyEnd < 0) return false;
      const field = fieldOf(bytes, keyStart, keyEnd);
      if (field === 0 || (seen & field) !== 0) return false;
      seen |= field;
      at = skipSpace(bytes, keyEnd + 1, end);
      if (at >= end || bytes[at] !== COLON) return false;
      at = this.readValue(field, bytes, skipSpace(bytes, at + 1, end), end);
      if (at < 0) return false;
      at = skipSpace(bytes, at, end);
    } while (at < end && bytes[at] === COMMA);
    if (at >= end || bytes[at] !== CLOSE_BRACE || (seen & REQUIRED) !== REQUIRED) return false;
    if (skipSpace(bytes, at + 1, end) !== end) return false;
    this.text = bytes;
    return true;
  }

  /** Position behind the value, or -1. */
  private readValue(field: number, bytes: Uint8Array, at: number, end: number): number {
    if (at >= end) return -1;
    if (bytes[at] !== QUOTE) {
      if (field !== AMOUNT && field !== TIMESTAMP) return -1;
      const numberEnd = scanNumber(bytes, at, end);
      if (numberEnd === at) return -1;
      return readAmount(bytes, at, numberEnd, field === AMOUNT ? this.amount : timestampScratch) ? numberEnd : -1;
    }
    const valueStart = at + 1;
    const valueEnd = stringEnd(bytes, valueStart, end);
    if (valueEnd <= valueStart || valueEnd - valueStart > LABEL_BYTES_MAX) return -1;
    switch (field) {
      case TENANT:
        this.tenantStart = valueStart;
        this.tenantEnd = valueEnd;
        break;
      case SKU:
        this.skuStart = valueStart;
        this.skuEnd = valueEnd;
        break;
      case UNIT:
        this.unitStart = valueStart;
        this.unitEnd = valueEnd;
        break;
      case AMOUNT:
        if (scanNumber(bytes, valueStart, valueEnd) !== valueEnd) return -1;
        if (!readAmount(bytes, valueStart, valueEnd, this.amount)) return -1;
        break;
      case PULSE_ID:
        if (valueEnd - valueStart > PULSE_ID_BYTES_MAX) return -1;
        break;
      default:
        return -1;
    }
    return valueEnd + 1;
  }
}

/** A reader; it may be used for any number of messages, one after the other. */
export function createPulseReader(): PulseReader {
  return new Reader();
}

function skipSpace(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && (bytes[at] as number) <= SPACE) {
    const byte = bytes[at] as number;
    if (byte !== SPACE && byte !== 9 && byte !== 10 && byte !== 13) return at;
    at += 1;
  }
  return at;
}

/** Position of the closing quote; -1 when there is none or a byte needs a second look. */
function stringEnd(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] as number;
    if (byte === QUOTE) return at;
    if (byte < SPACE || byte >= DELETE || byte === BACKSLASH) return -1;
  }
  return -1;
}

function fieldOf(bytes: Uint8Array, start: number, end: number): number {
  const candidates = KEYS_BY_LENGTH[end - start];
  if (candidates === undefined) return 0;
  for (let index = 0; index < candidates.length; index += 1) {
    const { name, field } = candidates[index] as KnownKey;
    let matched = 0;
    while (matched < name.length && bytes[start + matched] === name[matched]) matched += 1;
    if (matched === name.length) return field;
  }
  return 0;
}
