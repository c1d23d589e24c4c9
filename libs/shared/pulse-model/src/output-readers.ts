// Strict parsers of output lines, for totals, audits and tests.

import { PulsesError } from '@pulses/shared-errors';
import type { z } from 'zod';
import {
  aggregatedPulseSchema,
  deadLetterSchema,
  groupedPulseSchema,
  parseJsonExactly,
  type AggregatedPulse,
  type DeadLetter,
  type GroupedPulse,
} from './schemas';

/** @throws PulsesError OUTPUT_INVALID */
export function parseGroupedPulse(line: string): GroupedPulse {
  return parseLine(groupedPulseSchema, 'grouped pulse', line);
}

/** `total_amount` is text, since a sum may exceed the digits of one amount. @throws PulsesError OUTPUT_INVALID */
export function parseAggregatedPulse(line: string): AggregatedPulse {
  return parseLine(aggregatedPulseSchema, 'aggregated pulse', line);
}

/** @throws PulsesError OUTPUT_INVALID */
export function parseDeadLetter(line: string): DeadLetter {
  return parseLine(deadLetterSchema, 'dead letter', line);
}

function parseLine<Model>(schema: z.ZodType<Model>, what: string, line: string): Model {
  let json: unknown;
  try {
    json = parseJsonExactly(line);
  } catch (error) {
    throw new PulsesError('OUTPUT_INVALID', `a ${what} is not JSON`, { cause: error });
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new PulsesError(
    'OUTPUT_INVALID',
    `a ${what} is not valid: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`,
  );
}
