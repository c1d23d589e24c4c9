// After how long something idle expires: a duration, or never.

import type { SettingKind } from '@pulses/shared-settings';
import { z } from 'zod';

/** A duration in milliseconds as `duration` reads it; "off" and "0" are never. */
export function expiryKind(duration: SettingKind<number>): SettingKind<number | 'off'> {
  return {
    type: `${duration.type}|off`,
    allowed: `${duration.allowed}, or off`,
    schema: z.union([z.enum(['off', '0']).transform(() => 'off' as const), duration.schema]),
  };
}
