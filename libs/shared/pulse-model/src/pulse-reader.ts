// The parser of pulses: one pass over the bytes of a message, without an object per message.
//
// Guarantees: accepts exactly the messages of `pulseSchema`, with the same values; never throws; takes linear time. The
// fast path reads pulses in place if their own keys and strings have no escapes and few keys are unknown. The full path
// (slow-reader.ts) decides every other message, in the order of DEAD_LETTER_REASONS.

import { AMOUNT_LIMBS, type Amount } from './amount';
import { readNumber } from './amount-reading';
import type { DeadLetterReason } from './dead-letter-reason';
import { CLOSE_BRACE, COLON, COMMA, OPEN_BRACE, QUOTE, skipSpace, skipValue } from './json-scanner';
import { LABEL_BYTES_MAX, PULSE_BYTES_MAX, PULSE_ID_BYTES_MAX } from './limits';
import { skipPlainString } from './plain-string';
import {
  AMOUNT,
  PULSE_ID,
  PULSE_KEYS,
  pulseKeyOf,
  REQUIRED_FIELDS,
  SKU,
  startsWith,
  TENANT,
  TIMESTAMP,
  UNIT,
  type PulseKey,
} from './pulse-keys';
import { readSlowly } from './slow-reader';

/** The result of the last `read`: a pulse, or the reason why the message is none. */
export interface PulseReader {
  /** Reads the message `bytes[start, end)`, without line end, and returns whether it is a pulse. */
  read(bytes: Uint8Array, start: number, end: number): boolean;
  /** The UTF-8 text of the ranges below: the input, or a copy with decoded escapes. */
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
  /** The reason in words: what is wrong and where. A pure function of the message. */
  detail: string;
}

/** The field of an unknown key. */
const UNKNOWN = 0;
/** Messages with more unknown keys take the full path, which finds duplicates in linear time. */
const UNKNOWN_KEYS_MAX = 8;
const MEMBERS_MAX = PULSE_KEYS.length + UNKNOWN_KEYS_MAX;

const timestamp: Amount = new Float64Array(AMOUNT_LIMBS);

class Reader implements PulseReader {
  text: Uint8Array = new Uint8Array(0);
  tenantStart = 0;
  tenantEnd = 0;
  skuStart = 0;
  skuEnd = 0;
  unitStart = 0;
  unitEnd = 0;
  readonly amount: Amount = new Float64Array(AMOUNT_LIMBS);
  reason: DeadLetterReason = 'not_json';
  detail = '';

  /** The expected key of the n-th member: the one of the last message. */
  private readonly guesses: PulseKey[] = Array.from(
    { length: MEMBERS_MAX },
    (_, index) => PULSE_KEYS[index] ?? PULSE_KEYS[0]!,
  );
  /** Start and end of each unknown key of this message. */
  private readonly unknownKeys = new Int32Array(2 * UNKNOWN_KEYS_MAX);
  private unknownCount = 0;

  read(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start > PULSE_BYTES_MAX) {
      this.reason = 'line_too_long';
      this.detail = `the line has ${end - start} bytes; at most ${PULSE_BYTES_MAX} are allowed`;
      return false;
    }
    return this.readInPlace(bytes, start, end) || readSlowly(this, bytes, start, end);
  }

  /** The fast path. False leaves the decision to the full path. */
  private readInPlace(bytes: Uint8Array, start: number, end: number): boolean {
    let at = skipSpace(bytes, start, end);
    if (at >= end || bytes[at] !== OPEN_BRACE) return false;
    let seen = 0;
    this.unknownCount = 0;
    for (let member = 0; ; member += 1) {
      at = skipSpace(bytes, at + 1, end);
      let field = UNKNOWN;
      const guess = this.guesses[member];
      if (guess === undefined) return false;
      if (startsWith(bytes, at, end, guess.token)) {
        field = guess.field;
        at += guess.token.length;
      } else {
        const keyEnd = skipPlainString(bytes, at, end);
        if (keyEnd < 0) return false;
        const key = pulseKeyOf(bytes, at, keyEnd);
        if (key !== undefined) {
          this.guesses[member] = key;
          field = key.field;
        } else if (!this.isNewUnknownKey(bytes, at, keyEnd)) return false;
        at = skipSpace(bytes, keyEnd, end);
        if (at >= end || bytes[at] !== COLON) return false;
        at += 1;
      }
      if ((seen & field) !== 0) return false;
      seen |= field;
      at = this.readValue(field, bytes, skipSpace(bytes, at, end), end);
      if (at < 0) return false;
      at = skipSpace(bytes, at, end);
      if (at >= end) return false;
      if (bytes[at] !== COMMA) break;
    }
    if (bytes[at] !== CLOSE_BRACE || (seen & REQUIRED_FIELDS) !== REQUIRED_FIELDS) return false;
    this.text = bytes;
    return skipSpace(bytes, at + 1, end) === end;
  }

  /** Position after the value; negative when it needs the full path. */
  private readValue(field: number, bytes: Uint8Array, start: number, end: number): number {
    if (field === UNKNOWN) return skipValue(bytes, start, end);
    if (start >= end) return -1;
    if (bytes[start] !== QUOTE) {
      if (field === AMOUNT) return readNumber(bytes, start, end, this.amount);
      return field === TIMESTAMP ? readNumber(bytes, start, end, timestamp) : -1;
    }
    const behind = skipPlainString(bytes, start, end);
    const textStart = start + 1;
    const textEnd = behind - 1;
    const length = textEnd - textStart;
    if (length < 1 || length > LABEL_BYTES_MAX) return -1;
    switch (field) {
      case TENANT:
        this.tenantStart = textStart;
        this.tenantEnd = textEnd;
        return behind;
      case SKU:
        this.skuStart = textStart;
        this.skuEnd = textEnd;
        return behind;
      case UNIT:
        this.unitStart = textStart;
        this.unitEnd = textEnd;
        return behind;
      case AMOUNT:
        return readNumber(bytes, textStart, textEnd, this.amount) === textEnd ? behind : -1;
      case PULSE_ID:
        return length <= PULSE_ID_BYTES_MAX ? behind : -1;
      default:
        return -1;
    }
  }

  /** Records an unknown key; false for a duplicate, or when there are too many to check quickly. */
  private isNewUnknownKey(bytes: Uint8Array, start: number, end: number): boolean {
    const keys = this.unknownKeys;
    for (let index = 0; index < 2 * this.unknownCount; index += 2) {
      const otherStart = keys[index] as number;
      const length = (keys[index + 1] as number) - otherStart;
      if (length !== end - start) continue;
      let same = 0;
      while (same < length && bytes[start + same] === bytes[otherStart + same]) same += 1;
      if (same === length) return false;
    }
    if (this.unknownCount === UNKNOWN_KEYS_MAX) return false;
    keys[2 * this.unknownCount] = start;
    keys[2 * this.unknownCount + 1] = end;
    this.unknownCount += 1;
    return true;
  }
}

/** Creates a reader for any number of messages in turn. */
export function createPulseReader(): PulseReader {
  return new Reader();
}
