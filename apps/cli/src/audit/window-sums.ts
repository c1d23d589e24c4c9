// The sums of the window that is being replayed, and its end.

import { addAmountAt, createAmount, formatAmount, type Amount } from '@pulses/shared-pulse-model';
import { aggregatedEntry, type WindowRange } from './entries';
import type { SourcePulse } from './source-message';

interface KeyState {
  readonly pulse: SourcePulse;
  readonly topic: string;
  readonly total: Amount;
  pulseCount: number;
  readonly firstSeenMs: number;
  lastSeenMs: number;
}

/** A window from its first message on. */
export class WindowSums {
  private readonly keys = new Map<string, KeyState>();
  readonly startMs: number;

  constructor(
    readonly windowMs: number,
    readonly fromOffset: number,
    firstTimestampMs: number,
  ) {
    this.startMs = firstTimestampMs - (firstTimestampMs % windowMs);
  }

  get endMs(): number {
    return this.startMs + this.windowMs;
  }

  get hasPulses(): boolean {
    return this.keys.size > 0;
  }

  /** @param topic where the sums of the pulse's tenant go */
  add(pulse: SourcePulse, topic: string, timestampMs: number): void {
    const { tenantId, productSku, useUnit, usedAmount } = pulse;
    const name = JSON.stringify([tenantId, productSku, useUnit]);
    let key = this.keys.get(name);
    if (key === undefined) {
      key = { pulse, topic, total: createAmount(), pulseCount: 0, firstSeenMs: timestampMs, lastSeenMs: timestampMs };
      this.keys.set(name, key);
    }
    addAmountAt(key.total, 0, usedAmount, 0);
    key.pulseCount += 1;
    key.lastSeenMs = timestampMs;
  }

  /** The window's entries by topic, sorted within each. */
  close(toOffset: number): Map<string, string[]> {
    const { startMs, windowMs, fromOffset } = this;
    const window: WindowRange = { startMs, windowMs, fromOffset, toOffset };
    const byTopic = new Map<string, string[]>();
    for (const { pulse, topic, total, pulseCount, firstSeenMs, lastSeenMs } of this.keys.values()) {
      const { tenantId, productSku, useUnit } = pulse;
      const entry = aggregatedEntry({
        window,
        tenantId,
        productSku,
        useUnit,
        total: formatAmount(total),
        pulseCount,
        firstSeenMs,
        lastSeenMs,
      });
      const entries = byTopic.get(topic);
      if (entries === undefined) byTopic.set(topic, [entry]);
      else entries.push(entry);
    }
    for (const entries of byTopic.values()) entries.sort();
    return byTopic;
  }
}
