// The definition of a source message: JSON.parse and the schema. Slow, and obviously right.
//
// Deliberately shares no code with the ingestor's reader, so the two can disagree.

import { isUtf8 } from 'node:buffer';
import {
  LABEL_BYTES_MAX,
  NumberText,
  parseAmount,
  PULSE_BYTES_MAX,
  PULSE_ID_BYTES_MAX,
  pulseSchema,
  type Amount,
  type DeadLetterReason,
} from '@pulses/shared-pulse-model';
import { membersOf, type Members } from './json-members';

export interface SourcePulse {
  readonly tenantId: string;
  readonly productSku: string;
  readonly useUnit: string;
  readonly usedAmount: Amount;
}

/** The keys that the schema knows; a message may have others. */
const KEYS = [
  'tenant_id',
  'product_sku',
  'use_unity',
  'use_unit',
  'used_ammount',
  'used_amount',
  'pulse_id',
  'timestamp',
];

/** The pulse, or the reason why the message is none. */
export function parsePulse(bytes: Buffer): SourcePulse | DeadLetterReason {
  if (bytes.byteLength > PULSE_BYTES_MAX) return 'line_too_long';
  if (!isUtf8(bytes)) return 'invalid_utf8';
  const members = membersOf(bytes.toString('utf8'));
  if (typeof members === 'string') return members;
  const result = pulseSchema.safeParse(Object.fromEntries(KEYS.map((key) => [key, members.get(key)])));
  if (!result.success) return reasonOf(members);
  const { tenantId, productSku, useUnit, usedAmount } = result.data;
  // The schema accepts exactly one spelling of each.
  return { tenantId, productSku, useUnit: useUnit as string, usedAmount: usedAmount as Amount };
}

/** Why the schema refuses an object: the first rule that it breaks, field by field. */
function reasonOf(members: Members): DeadLetterReason {
  for (const [one, other] of [
    ['use_unity', 'use_unit'],
    ['used_ammount', 'used_amount'],
  ] as const)
    if (members.has(one) && members.has(other)) return 'conflicting_keys';
  return (
    labelFault(members.get('tenant_id')) ??
    labelFault(members.get('product_sku')) ??
    labelFault(members.get(members.has('use_unity') ? 'use_unity' : 'use_unit')) ??
    amountFault(members.get(members.has('used_ammount') ? 'used_ammount' : 'used_amount')) ??
    (members.has('pulse_id') ? textFault(members.get('pulse_id'), PULSE_ID_BYTES_MAX) : undefined) ??
    (members.get('timestamp') instanceof NumberText ? 'number_out_of_range' : 'wrong_type')
  );
}

function labelFault(value: unknown): DeadLetterReason | undefined {
  return textFault(value, LABEL_BYTES_MAX) ?? (/\p{Cc}/u.test(value as string) ? 'invalid_value' : undefined);
}

function textFault(value: unknown, bytesMax: number): DeadLetterReason | undefined {
  if (value === undefined) return 'missing_key';
  if (typeof value !== 'string') return 'wrong_type';
  const bytes = Buffer.byteLength(value);
  return value.isWellFormed() && bytes >= 1 && bytes <= bytesMax ? undefined : 'invalid_value';
}

function amountFault(value: unknown): DeadLetterReason | undefined {
  if (value === undefined) return 'missing_key';
  const text = value instanceof NumberText ? value.text : value;
  if (typeof text !== 'string') return 'wrong_type';
  if (parseAmount(text) !== undefined) return undefined;
  const isNumber = /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$/.test(text);
  return isNumber ? 'number_out_of_range' : 'invalid_value';
}
