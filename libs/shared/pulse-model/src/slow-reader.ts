// The pulses and dead letters that are not of the common shape: escapes, other alphabets, unknown keys, faults.
//
// Linear in the length and without recursion, so neither many keys nor deep nesting can stall or overflow it.

import { isUtf8 } from 'node:buffer';
import { readAmount, scanNumber, type Amount } from './amount';
import type { DeadLetterReason } from './dead-letter-reason';
import { LABEL_BYTES_MAX, PULSE_ID_BYTES_MAX } from './limits';
import { topLevelMembers, type Member } from './top-level-members';

/** What the slow path fills in: see PulseReader. */
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

const scratchAmount: Amount = new Float64Array(4);

/** True: a pulse, and its fields are set. False: `reason` and `detail` are. */
export function readSlowly(fields: PulseFields, bytes: Uint8Array, start: number, end: number): boolean {
  const message = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
  const rejection = decide(fields, message);
  if (rejection === undefined) return true;
  fields.reason = rejection.reason;
  fields.detail = rejection.detail;
  return false;
}

function decide(fields: PulseFields, message: Buffer): Rejection | undefined {
  if (!isUtf8(message)) return new Rejection('invalid_utf8', 'the line is not valid UTF-8');
  let json: unknown;
  try {
    // The default parser checks the syntax of the whole line; its values are not used, since they may be rounded.
    json = JSON.parse(message.toString('utf8'));
  } catch {
    return new Rejection('not_json', message[0] === 0xef ? 'the line starts with a byte-order mark' : 'the line is not JSON');
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    return new Rejection('not_object', 'the line is JSON, but not an object');

  const members = new Map<string, Member>();
  for (const member of topLevelMembers(message)) {
    if (members.has(member.key)) return new Rejection('duplicate_key', `the key ${show(member.key)} stands twice`);
    members.set(member.key, member);
  }
  for (const [ours, theirs] of [['use_unity', 'use_unit'], ['used_ammount', 'used_amount']] as const)
    if (members.has(ours) && members.has(theirs))
      return new Rejection('conflicting_keys', `both ${ours} and ${theirs} are given`);
  return readFields(fields, message, members);
}

function readFields(
  fields: PulseFields,
  message: Buffer,
  members: ReadonlyMap<string, Member>,
): Rejection | undefined {
  const tenant = readLabel(message, 'tenant_id', members.get('tenant_id'));
  if (tenant instanceof Rejection) return tenant;
  const sku = readLabel(message, 'product_sku', members.get('product_sku'));
  if (sku instanceof Rejection) return sku;
  const unit = readLabel(message, 'use_unity', members.get('use_unity') ?? members.get('use_unit'));
  if (unit instanceof Rejection) return unit;
  const rejection =
    readAmountField(message, members.get('used_ammount') ?? members.get('used_amount'), fields.amount) ??
    checkPulseId(message, members.get('pulse_id')) ??
    checkTimestamp(message, members.get('timestamp'));
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
  if (text instanceof Rejection) return text;
  if (/\p{Cc}/u.test(text.toString('utf8'))) return new Rejection('invalid_value', `${key} holds a control character`);
  return text;
}

function readText(message: Buffer, key: string, member: Member | undefined, bytesMax: number): Buffer | Rejection {
  if (member === undefined) return new Rejection('missing_key', `${key} is missing`);
  const text = stringOf(message, member);
  if (text === undefined) return new Rejection('wrong_type', `${key} is not a string`);
  if (!text.isWellFormed()) return new Rejection('invalid_value', `${key} holds a lone surrogate`);
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.byteLength < 1 || bytes.byteLength > bytesMax)
    return new Rejection('invalid_value', `${key} has ${bytes.byteLength} bytes; 1 to ${bytesMax} are allowed`);
  return bytes;
}

function readAmountField(message: Buffer, member: Member | undefined, amount: Amount): Rejection | undefined {
  if (member === undefined) return new Rejection('missing_key', 'used_ammount is missing');
  const text = stringOf(message, member);
  const digits = text === undefined ? message.subarray(member.valueStart, member.valueEnd) : Buffer.from(text, 'utf8');
  if (scanNumber(digits, 0, digits.byteLength) !== digits.byteLength || digits.byteLength === 0)
    return text === undefined
      ? new Rejection('wrong_type', 'used_ammount is neither a number nor a string')
      : new Rejection('invalid_value', 'used_ammount is a string that does not hold a number');
  return readAmount(digits, 0, digits.byteLength, amount) ? undefined : outOfRange('used_ammount');
}

function checkPulseId(message: Buffer, member: Member | undefined): Rejection | undefined {
  if (member === undefined) return undefined;
  const text = readText(message, 'pulse_id', member, PULSE_ID_BYTES_MAX);
  return text instanceof Rejection ? text : undefined;
}

function checkTimestamp(message: Buffer, member: Member | undefined): Rejection | undefined {
  if (member === undefined) return undefined;
  const { valueStart, valueEnd } = member;
  if (scanNumber(message, valueStart, valueEnd) !== valueEnd) return new Rejection('wrong_type', 'timestamp is not a number');
  return readAmount(message, valueStart, valueEnd, scratchAmount) ? undefined : outOfRange('timestamp');
}

function outOfRange(key: string): Rejection {
  return new Rejection('number_out_of_range', `${key} has more than 20 integer or 30 fraction digits`);
}

/** The value as text without escapes when it is a string. */
function stringOf(message: Buffer, { valueStart, valueEnd }: Member): string | undefined {
  return message[valueStart] === 34 ? (JSON.parse(message.toString('utf8', valueStart, valueEnd)) as string) : undefined;
}

/** A key for the detail: short, without control characters. */
function show(key: string): string {
  return JSON.stringify(key.length > 40 ? `${key.slice(0, 40)}…` : key);
}
