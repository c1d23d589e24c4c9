// The reader of grouped lines for many of them: one pass over the bytes, without an object per line.
//
// Guarantees: accepts exactly the lines of `groupedPulseSchema`, with the same values. The fast path reads lines as
// `writeGroupedLine` writes them, as long as their labels have no escapes. `parseGroupedPulse` decides every other line.

import { AMOUNT_LIMBS, type Amount } from './amount';
import { readNumber } from './amount-reading';
import { CLOSE_BRACE } from './json-scanner';
import { LABEL_BYTES_MAX } from './limits';
import { parseGroupedPulse } from './output-readers';
import { skipPlainString } from './plain-string';
import { startsWith } from './pulse-keys';

/** The last line read. */
export interface GroupedReader {
  /** Reads the line `bytes[start, end)`, without line end. @throws PulsesError OUTPUT_INVALID */
  read(bytes: Uint8Array, start: number, end: number): void;
  /** The UTF-8 text of the ranges below: the input, or a copy with decoded escapes. */
  readonly text: Uint8Array;
  readonly tenantStart: number;
  readonly tenantEnd: number;
  readonly skuStart: number;
  readonly skuEnd: number;
  readonly unitStart: number;
  readonly unitEnd: number;
  /** AMOUNT_LIMBS limbs. */
  readonly amount: Amount;
  /** Whole Unix seconds. */
  readonly timestamp: number;
}

const OBJECT_ID = Buffer.from('{"object_id":"');
const TENANT = Buffer.from('","tenant_id":');
const SKU = Buffer.from(',"product_sku":');
const UNIT = Buffer.from(',"use_unit":');
const AMOUNT = Buffer.from(',"used_amount":');
const TIMESTAMP = Buffer.from(',"timestamp":');
const OFFSET = Buffer.from(',"source_offset":');
const PARTITION = Buffer.from(',"source_partition":');

const ZERO = 48;
/** Such integers are exact, with any digits. */
const INTEGER_DIGITS_MAX = 15;

/** The bytes allowed at each position of an id, as bits. */
const [DASH, DIGIT, LETTER, VERSION, VARIANT] = [1, 2, 4, 8, 16];
const ID_BITS = Uint8Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  const bit = (characters: string, value: number) => (characters.includes(character) ? value : 0);
  return (
    bit('-', DASH) | bit('0123456789', DIGIT) | bit('abcdef', LETTER) | bit('12345678', VERSION) | bit('89ab', VARIANT)
  );
});
/** A UUID in lower case; the ones without a version are left to the full path. */
const ID_PATTERN = Uint8Array.from('hhhhhhhh-hhhh-vhhh-nhhh-hhhhhhhhhhhh', (place) =>
  place === '-' ? DASH : place === 'v' ? VERSION : place === 'n' ? VARIANT : DIGIT | LETTER,
);

class Reader implements GroupedReader {
  text: Uint8Array = new Uint8Array(0);
  tenantStart = 0;
  tenantEnd = 0;
  skuStart = 0;
  skuEnd = 0;
  unitStart = 0;
  unitEnd = 0;
  readonly amount: Amount = new Float64Array(AMOUNT_LIMBS);
  timestamp = 0;
  /** Of the last `readInteger`. */
  private integer = 0;

  read(bytes: Uint8Array, start: number, end: number): void {
    if (!this.readInPlace(bytes, start, end)) this.readInFull(bytes, start, end);
  }

  /** The fast path. False leaves the decision to the full path. */
  private readInPlace(bytes: Uint8Array, start: number, end: number): boolean {
    if (!startsWith(bytes, start, end, OBJECT_ID)) return false;
    let at = start + OBJECT_ID.length;
    if (!isId(bytes, at, end)) return false;
    at += ID_PATTERN.length;

    this.tenantStart = at + TENANT.length + 1;
    at = readLabel(bytes, at, end, TENANT);
    if (at < 0) return false;
    this.tenantEnd = at - 1;
    this.skuStart = at + SKU.length + 1;
    at = readLabel(bytes, at, end, SKU);
    if (at < 0) return false;
    this.skuEnd = at - 1;
    this.unitStart = at + UNIT.length + 1;
    at = readLabel(bytes, at, end, UNIT);
    if (at < 0) return false;
    this.unitEnd = at - 1;

    if (!startsWith(bytes, at, end, AMOUNT)) return false;
    at = readNumber(bytes, at + AMOUNT.length, end, this.amount);
    if (at < 0 || !startsWith(bytes, at, end, TIMESTAMP)) return false;
    at = this.readInteger(bytes, at + TIMESTAMP.length, end);
    if (at < 0 || !startsWith(bytes, at, end, OFFSET)) return false;
    this.timestamp = this.integer;
    at = this.readInteger(bytes, at + OFFSET.length, end);
    if (at >= 0 && startsWith(bytes, at, end, PARTITION)) at = this.readInteger(bytes, at + PARTITION.length, end);
    this.text = bytes;
    return at >= 0 && at === end - 1 && bytes[at] === CLOSE_BRACE;
  }

  /** @returns the position after the integer; -1 for one that the full path has to read */
  private readInteger(bytes: Uint8Array, start: number, end: number): number {
    let [at, value] = [start, 0];
    for (; at < end; at += 1) {
      const digit = (bytes[at] as number) - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    const digits = at - start;
    if (digits === 0 || digits > INTEGER_DIGITS_MAX || (digits > 1 && bytes[start] === ZERO)) return -1;
    this.integer = value;
    return at;
  }

  private readInFull(bytes: Uint8Array, start: number, end: number): void {
    const line = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
    const { tenant_id, product_sku, use_unit, used_amount, timestamp } = parseGroupedPulse(line);
    const [tenant, sku, unit] = [Buffer.from(tenant_id), Buffer.from(product_sku), Buffer.from(use_unit)];
    this.text = Buffer.concat([tenant, sku, unit]);
    this.tenantStart = 0;
    this.tenantEnd = this.skuStart = tenant.length;
    this.skuEnd = this.unitStart = tenant.length + sku.length;
    this.unitEnd = this.text.length;
    this.amount.set(used_amount);
    this.timestamp = timestamp;
  }
}

/** Creates a reader for any number of lines in turn. */
export function createGroupedReader(): GroupedReader {
  return new Reader();
}

function isId(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < ID_PATTERN.length) return false;
  for (let index = 0; index < ID_PATTERN.length; index += 1)
    if (((ID_BITS[bytes[start + index] as number] as number) & (ID_PATTERN[index] as number)) === 0) return false;
  return true;
}

/** Position after the token and the label behind it; negative when the full path has to read it. */
function readLabel(bytes: Uint8Array, start: number, end: number, token: Uint8Array): number {
  if (!startsWith(bytes, start, end, token)) return -1;
  const behind = skipPlainString(bytes, start + token.length, end);
  const length = behind - start - token.length - 2;
  return length < 1 || length > LABEL_BYTES_MAX ? -1 : behind;
}
