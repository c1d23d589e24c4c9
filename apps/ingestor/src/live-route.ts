// GET /windows/current: the sums of the open window so far, from whichever engine keeps them.

import { isPulsesError } from '@pulses/shared-errors';
import type { Clock } from '@pulses/shared-ports';
import { delay } from '@pulses/shared-async';
import type { JsonRoute } from '@pulses/shared-monitoring';
import type { LiveWindow, LiveWindows } from '@pulses/stream-pipeline';

/** A standby, or an ingestor without a broker, has no open window. */
const ANSWER_MS_MAX = 3_000;

/** `?tenant=T` leaves only the sums of that tenant. Amounts are text, since they are exact. */
export function liveRoute(live: LiveWindows, sourceTopic: string, clock: Clock): JsonRoute {
  return {
    path: '/windows/current',
    async handle({ tenant }) {
      const asked = live.ask(tenant);
      // It may reject after the time-out.
      asked.catch(() => undefined);
      const overdue = new AbortController();
      const late = delay(ANSWER_MS_MAX, clock, overdue.signal).then(
        () => 'late' as const,
        () => 'late' as const,
      );
      try {
        const window = await Promise.race([asked, late]);
        if (window === 'late')
          return { status: 503, body: { reason: 'no open window could be read: this ingestor is not active' } };
        return { status: 200, body: bodyOf(window, sourceTopic) };
      } catch (error) {
        if (!isPulsesError(error)) throw error;
        return { status: 503, body: { reason: error.message } };
      } finally {
        overdue.abort();
      }
    },
  };
}

function bodyOf(window: LiveWindow | undefined, sourceTopic: string): object {
  if (window === undefined) return { source_topic: sourceTopic, window: null, sums: [] };
  const { windowStartMs, windowMs, nextOffset, sums, isCut } = window;
  return {
    source_topic: sourceTopic,
    window: { start: windowStartMs / 1000, end: (windowStartMs + windowMs) / 1000 },
    next_offset: nextOffset,
    cut: isCut,
    sums: sums.map(({ tenantId, productSku, useUnit, total, pulseCount }) => ({
      tenant_id: tenantId,
      product_sku: productSku,
      use_unit: useUnit,
      total_amount: total,
      pulse_count: pulseCount,
    })),
  };
}
