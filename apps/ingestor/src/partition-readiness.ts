// Whether an ingestor with an active partition does all its work.
//
// Guarantees: it is not ready while one of its partitions is set aside, or has not worked for `CONNECTING_MS_MAX`. A change of
// members or of a leader is shorter.

import type { Readiness } from '@pulses/shared-monitoring';
import type { PartitionStatus } from '@pulses/stream-pipeline';

const CONNECTING_MS_MAX = 10_000;
/** Reasons in one answer. */
const REASONS_MAX = 3;

/** @param nowMs monotonic */
export function partitionReadiness(own: readonly PartitionStatus[], nowMs: number): Readiness {
  const active = own.filter(({ state }) => state === 'active');
  const connecting = own.filter(({ state }) => state === 'connecting');
  const isLate = connecting.some(({ sinceMs }) => nowMs - sinceMs >= CONNECTING_MS_MAX);
  const works = `active${named(active, ' in')}`;
  if (isLate || own.some(({ state }) => state === 'set_aside'))
    return { ready: false, reason: `${reasonOf(own)}; ${works}` };
  return { ready: true, detail: connecting.length === 0 ? works : `${works}; connecting${named(connecting, '')}` };
}

/** Why partitions do not work, by their numbers; undefined without one. */
export function reasonOf(own: readonly PartitionStatus[]): string | undefined {
  const byReason = new Map<string, PartitionStatus[]>();
  for (const status of own) {
    const { partition, state, reason } = status;
    if (state === 'active' || reason === undefined || partition === undefined) continue;
    const text = `${state === 'set_aside' ? 'set aside' : 'connecting'}: ${reason}`;
    byReason.set(text, [...(byReason.get(text) ?? []), status]);
  }
  if (byReason.size === 0) return undefined;
  const texts = [...byReason].map(([text, statuses]) => `${named(statuses, '').trimStart()} ${text}`);
  const more = texts.length - REASONS_MAX;
  return [...texts.slice(0, REASONS_MAX), ...(more > 0 ? [`and ${more} more reasons`] : [])].join('; ');
}

/** ` in the partitions 0, 4`; nothing for a source without partitions. */
function named(statuses: readonly PartitionStatus[], preposition: string): string {
  const numbers = statuses.flatMap(({ partition }) => partition ?? []);
  if (numbers.length === 0) return '';
  return `${preposition} the ${numbers.length === 1 ? 'partition' : 'partitions'} ${numbers.join(', ')}`;
}
