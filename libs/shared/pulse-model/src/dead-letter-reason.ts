// Reasons why a message is not a pulse: stable codes in order of precedence. The first one that applies is the reason.

export const DEAD_LETTER_REASONS = [
  'line_too_long',
  'invalid_utf8',
  'not_json',
  'not_object',
  'duplicate_key',
  'conflicting_keys',
  'missing_key',
  'wrong_type',
  'invalid_value',
  'number_out_of_range',
] as const;

export type DeadLetterReason = (typeof DEAD_LETTER_REASONS)[number];
