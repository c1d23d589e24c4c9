// What an output line says, as text that is the same whenever the line says the same.
//
// Both sides of the comparison come to such entries: the audit's own, from the source, and the outputs', from their
// topics. Ids are not in them: they are checked against the offset or the window when a line is read.

import { formatAmount, secondsText, windowText, type Amount } from '@pulses/shared-pulse-model';

export interface GroupedFacts {
  readonly sourceOffset: number;
  readonly tenantId: string;
  readonly productSku: string;
  readonly useUnit: string;
  readonly usedAmount: Amount;
  readonly timestampS: number;
}

export function groupedEntry(facts: GroupedFacts): string {
  return JSON.stringify({
    source_offset: facts.sourceOffset,
    tenant_id: facts.tenantId,
    product_sku: facts.productSku,
    use_unit: facts.useUnit,
    used_amount: formatAmount(facts.usedAmount),
    timestamp: facts.timestampS,
  });
}

export interface AggregatedFacts {
  readonly window: WindowRange;
  readonly tenantId: string;
  readonly productSku: string;
  readonly useUnit: string;
  /** Plain decimal text. */
  readonly total: string;
  readonly pulseCount: number;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
}

/** A window and the source offsets that it read, both ends included. */
export interface WindowRange {
  readonly startMs: number;
  readonly windowMs: number;
  readonly fromOffset: number;
  readonly toOffset: number;
}

/** Starts with the key, so that entries of a window in the order of their text are in the order of their keys. */
export function aggregatedEntry(facts: AggregatedFacts): string {
  const { startMs, windowMs, fromOffset, toOffset } = facts.window;
  return JSON.stringify({
    tenant_id: facts.tenantId,
    product_sku: facts.productSku,
    use_unit: facts.useUnit,
    total_amount: facts.total,
    pulse_count: facts.pulseCount,
    first_seen: secondsText(facts.firstSeenMs),
    last_seen: secondsText(facts.lastSeenMs),
    window: windowText(windowMs),
    window_start: secondsText(startMs),
    from_offset: fromOffset,
    to_offset: toOffset,
  });
}

export interface DeadLetterFacts {
  readonly sourceOffset: number;
  readonly reason: string;
  readonly rawBase64: string;
  readonly timestampS: number;
}

export function deadLetterEntry({ sourceOffset, reason, rawBase64, timestampS }: DeadLetterFacts): string {
  return JSON.stringify({ source_offset: sourceOffset, reason, timestamp: timestampS, raw: rawBase64 });
}
