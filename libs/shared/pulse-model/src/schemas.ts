// The zod schemas of the four models, their readable definition. Property tests hold the fast codecs to them.
//
// A number keeps its source text (`NumberText`), since an amount must never become a double.

import { z } from 'zod';
import { parseAmount } from './amount-reading';
import { LABEL_BYTES_MAX, PULSE_ID_BYTES_MAX } from './limits';

/** A JSON number as its source text. */
export class NumberText {
  constructor(readonly text: string) {}
}

const utf8Bytes = (text: string) => Buffer.byteLength(text, 'utf8');

/** Text of 1 to `bytesMax` bytes of UTF-8. */
const textOf = (bytesMax: number) =>
  z
    .string()
    .refine((text) => text.isWellFormed(), 'holds a lone surrogate')
    .refine((text) => utf8Bytes(text) >= 1 && utf8Bytes(text) <= bytesMax, `must have 1 to ${bytesMax} bytes`);

const label = textOf(LABEL_BYTES_MAX).refine((text) => !/\p{Cc}/u.test(text), 'holds a control character');

const numberText = z.instanceof(NumberText).transform(({ text }) => text);

/** A number, or a string that contains one. */
const amount = z
  .union([numberText, z.string()])
  .transform((text) => parseAmount(text))
  .refine((parsed) => parsed !== undefined, 'is not a number of at most 20 integer and 30 fraction digits');

const oneOf = (first: string, second: string) => (pulse: Readonly<Record<string, unknown>>) =>
  (pulse[first] === undefined) !== (pulse[second] === undefined);

/** A pulse as producers write it, with numbers as NumberText. Unknown keys are ignored. */
export const pulseSchema = z
  .looseObject({
    tenant_id: label,
    product_sku: label,
    use_unity: label.optional(),
    use_unit: label.optional(),
    used_ammount: amount.optional(),
    used_amount: amount.optional(),
    pulse_id: textOf(PULSE_ID_BYTES_MAX).optional(),
    timestamp: numberText.refine((text) => parseAmount(text) !== undefined, 'is out of range').optional(),
  })
  .refine(oneOf('use_unity', 'use_unit'), 'needs exactly one of use_unity and use_unit')
  .refine(oneOf('used_ammount', 'used_amount'), 'needs exactly one of used_ammount and used_amount')
  .transform((pulse) => ({
    tenantId: pulse.tenant_id,
    productSku: pulse.product_sku,
    useUnit: pulse.use_unity ?? pulse.use_unit,
    usedAmount: pulse.used_ammount ?? pulse.used_amount,
  }));

const exact = numberText
  .transform((text) => parseAmount(text))
  .refine((parsed) => parsed !== undefined, 'is not an exact amount')
  .transform((parsed) => parsed);
const integer = numberText.transform(Number).pipe(z.number().int().nonnegative());
/** Unix seconds with up to three decimals. */
const seconds = numberText.transform(Number).pipe(z.number());

export const groupedPulseSchema = z.strictObject({
  object_id: z.uuid(),
  tenant_id: label,
  product_sku: label,
  use_unit: label,
  used_amount: exact,
  timestamp: integer,
  source_offset: integer,
  source_partition: integer.optional(),
});
export type GroupedPulse = z.infer<typeof groupedPulseSchema>;

export const aggregatedPulseSchema = z.strictObject({
  object_id: z.uuid(),
  tenant_id: label,
  product_sku: label,
  use_unit: label,
  total_amount: numberText,
  window: z.string(),
  timestamp: seconds,
  window_start: seconds,
  window_end: seconds,
  pulse_count: integer,
  first_seen: seconds,
  last_seen: seconds,
  source: z.strictObject({
    topic: z.string(),
    partition: integer.optional(),
    from_offset: integer,
    to_offset: integer,
  }),
});
export type AggregatedPulse = z.infer<typeof aggregatedPulseSchema>;

export const deadLetterSchema = z.strictObject({
  source_offset: integer,
  reason: z.string(),
  detail: z.string(),
  raw: z.base64(),
  timestamp: integer,
  source_partition: integer.optional(),
});
export type DeadLetter = z.infer<typeof deadLetterSchema>;

/**
 * Parses JSON with numbers as NumberText.
 * @throws SyntaxError for invalid JSON, RangeError for nesting deeper than any model
 */
export function parseJsonExactly(text: string): unknown {
  return JSON.parse(text, ((_key: string, value: unknown, context: { source?: string }) =>
    typeof value === 'number' && context.source !== undefined ? new NumberText(context.source) : value) as Parameters<
    typeof JSON.parse
  >[1]);
}
