// Points in time as a setting.

import { z } from 'zod';
import type { SettingKind } from '@pulses/shared-settings';

const unixSeconds = z
  .string()
  .regex(/^\d{1,12}(\.\d{1,3})?$/)
  .transform(Number);

/** A date stands for its first moment in UTC; a time needs its offset. */
const isoTime = z.union([z.iso.datetime({ offset: true }), z.iso.date()]).transform((text) => Date.parse(text) / 1000);

/** Unix seconds, or ISO 8601. The value is Unix seconds. */
export const timeKind: SettingKind<number> = {
  type: 'time',
  allowed: 'Unix seconds, or an ISO date or time with its offset, such as 2026-03-01 or 2026-03-01T12:00:00Z',
  schema: z.union([unixSeconds, isoTime]),
};
