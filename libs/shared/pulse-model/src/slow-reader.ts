// The full path of the pulse reader: messages with escapes or many unknown keys, and everything that is not a pulse.
//
// Decides in the order of DEAD_LETTER_REASONS, with the fields in this order: tenant_id, product_sku, use_unity,
// used_ammount, pulse_id, timestamp. Takes linear time without recursion, so that neither many keys nor deep nesting can
// stall or overflow it.

import { isUtf8 } from 'node:buffer';
import { AMOUNT_LIMBS, FRACTION_DIGITS_MAX, INTEGER_DIGITS_MAX, type Amount } from './amount';
import { readAmount, scanNumber } from './amount-reading';
import type { DeadLetterReason } from './dead-letter-reason';
import { OPEN_BRACE, QUOTE, skipSpace, skipValue } from './json-scanner';
import { holdsControl, holdsLoneSurrogate, unescaped } from './json-strings';
import { LABEL_BYTES_MAX, PULSE_ID_BYTES_MAX } from './limits';
import { keyOf, keyOfMember, listMembers, type Member } from './object-members';

/** The fields to fill in; see PulseReader. */
export interface PulseFields {
  text: Uint8Array;
  tenantStart: number;
  tenantEnd: number;
  skuStart: number;
  skuEnd: number;
  unitStart: number;
  unitEnd: number;
  readonly amount: Amount;
  reason: DeadLetterReason;
  detail: string;
}

/** Why a message is not a pulse. */
class Rejection {
  constructor(
    readonly reason: DeadLetterReason,
    readonly detail: string,
  ) {}
}

type Members = ReadonlyMap<string, Member>;

const memberKey = (name: string): string => keyOf(Buffer.from(name));
const TENANT_ID = memberKey('tenant_id');
const PRODUCT_SKU = memberKey('product_sku');
const USE_UNITY = memberKey('use_unity');
const USE_UNIT = memberKey('use_unit');
const USED_AMMOUNT = memberKey('used_ammount');
const USED_AMOUNT = memberKey('used_amount');
const PULSE_ID = memberKey('pulse_id');
const TIMESTAMP = memberKey('timestamp');

const BYTE_ORDER_MARK = Buffer.from('\ufeff');
const SHOWN_CHARACTERS_MAX = 40;

const scratchAmount: Amount = new Float64Array(AMOUNT_LIMBS);

/** Returns whether the message is a pulse. Sets the fields of a pulse, else `reason` and `detail`. */
export function readSlowly(fields: PulseFields, bytes: Uint8Array, start: number, end: number): boolean {
  const message = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
  const members = readObject(message);
  const rejection = members instanceof Rejection ? members : readFields(fields, message, members);
  if (rejection === undefined) return true;
  fields.reason = rejection.reason;
  fields.detail = rejection.detail;
  return false;
}

/** The members of a message that is one JSON object without duplicate keys. */
function readObject(message: Buffer): Members | Rejection {
  if (!isUtf8(message)) return new Rejection('invalid_utf8', 'the line is not valid UTF-8');
  if (message.subarray(0, BYTE_ORDER_MARK.byteLength).equals(BYTE_ORDER_MARK))
    return new Rejection('not_json', 'the line starts with a byte-order mark');
  const size = message.byteLength;
  const start = skipSpace(message, 0, size);
  const isObject = start < size && message[start] === OPEN_BRACE;
  const list: Member[] = [];
  const valueEnd = isObject ? listMembers(message, start, size, list) : skipValue(message, start, size);
  const behind = valueEnd < 0 ? valueEnd : skipSpace(message, valueEnd, size);
  if (behind !== size)
    return new Rejection('not_json', `the line stops being JSON at byte ${behind < 0 ? ~behind : behind}`);
  if (!isObject) return new Rejection('not_object', 'the line is JSON, but not an object');

  const members = new Map<string, Member>();
  for (const member of list) {
    const key = keyOfMember(message, member);
    if (members.has(key)) return new Rejection('duplicate_key', `the key ${shown(key)} stands twice`);
    members.set(key, member);
  }
  return members;
}

function readFields(fields: PulseFields, message: Buffer, members: Members): Rejection | undefined {
  if (members.has(USE_UNITY) && members.has(USE_UNIT)) return conflict('use_unity', 'use_unit');
  if (members.has(USED_AMMOUNT) && members.has(USED_AMOUNT)) return conflict('used_ammount', 'used_amount');
  const tenant = readLabel(message, 'tenant_id', members.get(TENANT_ID));
  if (tenant instanceof Rejection) return tenant;
  const sku = readLabel(message, 'product_sku', members.get(PRODUCT_SKU));
  if (sku instanceof Rejection) return sku;
  // A detail names the key that the line has; a missing one by its first spelling.
  const unitKey = members.has(USE_UNIT) ? 'use_unit' : 'use_unity';
  const unit = readLabel(message, unitKey, members.get(USE_UNITY) ?? members.get(USE_UNIT));
  if (unit instanceof Rejection) return unit;
  const amountKey = members.has(USED_AMOUNT) ? 'used_amount' : 'used_ammount';
  const rejection =
    readAmountField(message, amountKey, members.get(USED_AMMOUNT) ?? members.get(USED_AMOUNT), fields.amount) ??
    checkPulseId(message, members.get(PULSE_ID)) ??
    checkTimestamp(message, members.get(TIMESTAMP));
  if (rejection) return rejection;

  fields.text = Buffer.concat([tenant, sku, unit]);
  fields.tenantStart = 0;
  fields.tenantEnd = fields.skuStart = tenant.byteLength;
  fields.skuEnd = fields.unitStart = fields.skuStart + sku.byteLength;
  fields.unitEnd = fields.unitStart + unit.byteLength;
  return undefined;
}

function readLabel(message: Buffer, key: string, member: Member | undefined): Buffer | Rejection {
  const text = readText(message, key, member, LABEL_BYTES_MAX);
  if (text instanceof Rejection || !holdsControl(text)) return text;
  return new Rejection('invalid_value', `${key} holds a control character`);
}

function readText(message: Buffer, key: string, member: Member | undefined, bytesMax: number): Buffer | Rejection {
  if (member === undefined) return new Rejection('missing_key', `${key} is missing`);
  const text = stringOf(message, member);
  if (text === undefined) return new Rejection('wrong_type', `${key} is not a string`);
  if (holdsLoneSurrogate(text)) return new Rejection('invalid_value', `${key} holds half a surrogate pair`);
  if (text.byteLength < 1 || text.byteLength > bytesMax)
    return new Rejection('invalid_value', `${key} has ${text.byteLength} bytes; 1 to ${bytesMax} are allowed`);
  return text;
}

function readAmountField(
  message: Buffer,
  key: string,
  member: Member | undefined,
  amount: Amount,
): Rejection | undefined {
  if (member === undefined) return new Rejection('missing_key', `${key} is missing`);
  const text = stringOf(message, member);
  const digits = text ?? message.subarray(member.valueStart, member.valueEnd);
  const size = digits.byteLength;
  if (size === 0 || scanNumber(digits, 0, size) !== size)
    return text === undefined
      ? new Rejection('wrong_type', `${key} is neither a number nor a string`)
      : new Rejection('invalid_value', `${key} is a string that does not hold a number`);
  return readAmount(digits, 0, size, amount) ? undefined : outOfRange(key);
}

function checkPulseId(message: Buffer, member: Member | undefined): Rejection | undefined {
  if (member === undefined) return undefined;
  const text = readText(message, 'pulse_id', member, PULSE_ID_BYTES_MAX);
  return text instanceof Rejection ? text : undefined;
}

function checkTimestamp(message: Buffer, member: Member | undefined): Rejection | undefined {
  if (member === undefined) return undefined;
  const { valueStart, valueEnd } = member;
  if (scanNumber(message, valueStart, valueEnd) !== valueEnd)
    return new Rejection('wrong_type', 'timestamp is not a number');
  return readAmount(message, valueStart, valueEnd, scratchAmount) ? undefined : outOfRange('timestamp');
}

function conflict(ours: string, theirs: string): Rejection {
  return new Rejection('conflicting_keys', `both ${ours} and ${theirs} are given`);
}

function outOfRange(key: string): Rejection {
  const limits = `${INTEGER_DIGITS_MAX} integer or ${FRACTION_DIGITS_MAX} fraction digits`;
  return new Rejection('number_out_of_range', `${key} has more than ${limits}`);
}

/** The decoded text of a string value. */
function stringOf(message: Buffer, { valueStart, valueEnd }: Member): Buffer | undefined {
  return message[valueStart] === QUOTE ? unescaped(message.subarray(valueStart + 1, valueEnd - 1)) : undefined;
}

/** The readable form of a member's key: short, quoted, without control characters. */
function shown(memberKey: string): string {
  const name = [...Buffer.from(memberKey, 'latin1').toString('utf8', 1, 4 * SHOWN_CHARACTERS_MAX)];
  const cut = name.length > SHOWN_CHARACTERS_MAX ? `${name.slice(0, SHOWN_CHARACTERS_MAX).join('')}…` : name.join('');
  return JSON.stringify(cut);
}
