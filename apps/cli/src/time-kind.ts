// Points in time as a setting.

import { z } from 'zod';
import type { SettingKind } from '@pulses/shared-settings';

/** `2026`, `202603`, `20260301` or `202603011200`: far more likely a date than a second of 1970 or of the year 8390. */
const COMPACT_DATE = /^(19|20)\d\d((0[1-9]|1[0-2])((0[1-9]|[12]\d|3[01])(([01]\d|2[0-3])[0-5]\d)?)?)?$/;

const unixSeconds = z
  .string()
  .regex(/^\d{1,12}(\.\d{1,3})?$/)
  .refine((text) => !COMPACT_DATE.test(text))
  .transform(Number);

/** A date stands for its first moment in UTC; a time needs its offset. */
const isoTime = z.union([z.iso.datetime({ offset: true }), z.iso.date()]).transform((text) => Date.parse(text) / 1000);

/** Unix seconds, or ISO 8601. The value is Unix seconds. */
export const timeKind: SettingKind<number> = {
  type: 'time',
  allowed: 'Unix seconds, or an ISO date (with dashes) or time (with its offset): 2026-03-01 or 2026-03-01T12:00:00Z',
  schema: z.union([unixSeconds, isoTime]),
};
