// GET /windows/current: the sums of the open window so far, from whichever engine keeps them. Where the source has
// partitions, of the open window of each.
//
// Guarantees: a partition of this ingestor that has not answered is named, with the reason.

import { isPulsesError } from '@pulses/shared-errors';
import type { Clock } from '@pulses/shared-ports';
import { delay } from '@pulses/shared-async';
import type { JsonRoute } from '@pulses/shared-monitoring';
import type { LiveAnswer, LiveWindow, LiveWindows, PartitionStatus } from '@pulses/stream-pipeline';

/** A standby, or an ingestor without a broker, has no open window. */
const ANSWER_MS_MAX = 3_000;

export interface LiveRouteOptions {
  readonly live: Pick<LiveWindows, 'ask'>;
  readonly sourceTopic: string;
  readonly clock: Clock;
  /** The partitions of this ingestor. */
  partitions(): readonly PartitionStatus[];
}

/** `?tenant=T` leaves only the sums of that tenant. Amounts are text, since they are exact. */
export function liveRoute({ live, sourceTopic, clock, partitions }: LiveRouteOptions): JsonRoute {
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
        const answers = await Promise.race([asked, late]);
        if (answers === 'late')
          return {
            status: 503,
            body: {
              reason: 'no open window could be read: this ingestor is not active',
              missing: missingOf([], partitions()),
            },
          };
        return { status: 200, body: bodyOf(answers, sourceTopic, partitions()) };
      } catch (error) {
        if (!isPulsesError(error)) throw error;
        return { status: 503, body: { reason: error.message } };
      } finally {
        overdue.abort();
      }
    },
  };
}

function bodyOf(answers: readonly LiveAnswer[], sourceTopic: string, partitions: readonly PartitionStatus[]): object {
  const [first] = answers;
  if (first !== undefined && first.partition === undefined)
    return { source_topic: sourceTopic, ...windowBody(first.window) };
  return {
    source_topic: sourceTopic,
    partitions: answers.map(({ partition, window }) => ({ partition, ...windowBody(window) })),
    missing: missingOf(answers, partitions),
  };
}

/** Partitions of this ingestor whose sums are not in the answer. */
function missingOf(answers: readonly LiveAnswer[], partitions: readonly PartitionStatus[]): object[] {
  const answered = new Set(answers.map(({ partition }) => partition));
  return partitions
    .filter(({ partition }) => partition !== undefined && !answered.has(partition))
    .map(({ partition, state, reason }) => ({ partition, state, ...(reason === undefined ? {} : { reason }) }));
}

function windowBody(window: LiveWindow | undefined): object {
  if (window === undefined) return { window: null, sums: [] };
  const { windowStartMs, windowMs, nextOffset, sums, isCut } = window;
  return {
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
