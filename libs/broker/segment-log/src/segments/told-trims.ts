// What retention has removed, in the log and in the counters.

import type { Logger } from '@pulses/shared-ports';
import type { SegmentLogMetrics } from '../options';

/** Messages `[fromOffset, toOffset)` of the topic are gone. */
export interface StoredTrim {
  readonly topic: string;
  readonly kind: number;
  readonly fromOffset: number;
  readonly toOffset: number;
  readonly bytes: number;
}

/** More trims of one frame than these are told as a sum for each kind: a line for each tenant would tell nothing. */
const NAMED_MAX = 100;

/** Tells trims, which are durable by now. */
export function tellTrims(trims: readonly StoredTrim[], logger: Logger, metrics: SegmentLogMetrics): void {
  const sums = new Map<number, { topics: number; messages: number; bytes: number }>();
  for (const { topic, kind, fromOffset, toOffset, bytes } of trims) {
    const messages = toOffset - fromOffset;
    if (trims.length <= NAMED_MAX) {
      logger.info({ topic, fromOffset, toOffset, messages, bytes }, 'retention removed messages');
    }
    const { topics, ...sum } = sums.get(kind) ?? { topics: 0, messages: 0, bytes: 0 };
    sums.set(kind, { topics: topics + 1, messages: sum.messages + messages, bytes: sum.bytes + bytes });
  }
  for (const [kind, sum] of sums) {
    metrics.trimmed?.(kind, sum.messages);
    if (trims.length > NAMED_MAX) logger.info(sum, 'retention removed messages of many topics');
  }
}
