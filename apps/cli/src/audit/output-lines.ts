// One output line: what it says, and whether it is of the source under audit.
//
// A line's id is a pure function of its source and offset, or window and key. A line whose id is of no source that the
// broker knows is nobody's, and is a finding.

import { isPulsesError } from '@pulses/shared-errors';
import {
  aggregatedId,
  aggregatedTopic,
  createGroupedIds,
  encodeTenant,
  groupedTopic,
  parseAggregatedPulse,
  parseDeadLetter,
  parseGroupedPulse,
  UUID_BYTES,
  windowText,
  type AggregatedPulse,
  type SourceId,
} from '@pulses/shared-pulse-model';
import { aggregatedEntry, deadLetterEntry, groupedEntry, type WindowRange } from './entries';

/** A line that holds something: `sourceOffset` decides whether it is compared. */
export interface OutputLine {
  readonly kind: 'ours';
  /** For an aggregated line the first one of its window. */
  readonly sourceOffset: number;
  readonly entry: string;
  readonly window?: WindowRange;
}

export type LineReading = OutputLine | { readonly kind: 'of another source' } | { readonly kind: 'wrong'; readonly problem: string };

export type LineReader = (line: string) => LineReading;

const wrong = (problem: string): LineReading => ({ kind: 'wrong', problem });

/** Reads the lines of a grouped topic. */
export function groupedLineReader(topic: string, source: SourceId, otherSources: readonly SourceId[]): LineReader {
  const ourId = groupedIdOf(source);
  const otherIds = otherSources.map(groupedIdOf);
  const isOfTopic = tenantCheck(topic, groupedTopic);
  return readable((line) => {
    const pulse = parseGroupedPulse(line);
    const { source_offset: sourceOffset, tenant_id: tenantId, object_id: id } = pulse;
    if (!isOfTopic(tenantId)) return wrong('the line is of another tenant');
    if (ourId(sourceOffset) !== id) {
      const isKnown = otherIds.some((idOf) => idOf(sourceOffset) === id);
      return isKnown ? { kind: 'of another source' } : wrong('object_id is not that of the source offset');
    }
    const entry = groupedEntry({
      sourceOffset,
      tenantId,
      productSku: pulse.product_sku,
      useUnit: pulse.use_unit,
      usedAmount: pulse.used_amount,
      timestampS: pulse.timestamp,
    });
    return { kind: 'ours', sourceOffset, entry };
  });
}

/** Reads the lines of an aggregated topic. */
export function aggregatedLineReader(topic: string, source: SourceId, otherSources: readonly SourceId[]): LineReader {
  const isOfTopic = tenantCheck(topic, aggregatedTopic);
  return readable((line) => {
    const sum = parseAggregatedPulse(line);
    if (!isOfTopic(sum.tenant_id)) return wrong('the line is of another tenant');
    const window = windowOf(sum);
    if (typeof window === 'string') return wrong(window);
    const key = keyOf(sum);
    const isOf = (candidate: SourceId) =>
      candidate.topic === sum.source.topic &&
      aggregatedId(candidate, window.startMs, window.windowMs, key) === sum.object_id;
    if (!isOf(source))
      return otherSources.some(isOf) ? { kind: 'of another source' } : wrong('object_id is not that of source, window and key');
    const entry = aggregatedEntry({
      window,
      tenantId: sum.tenant_id,
      productSku: sum.product_sku,
      useUnit: sum.use_unit,
      total: sum.total_amount,
      pulseCount: sum.pulse_count,
      firstSeenMs: millisecondsOf(sum.first_seen),
      lastSeenMs: millisecondsOf(sum.last_seen),
    });
    return { kind: 'ours', sourceOffset: window.fromOffset, entry, window };
  });
}

/** Reads the lines of a dead-letter topic, all of which are of its source. */
export const readDeadLetterLine: LineReader = readable((line) => {
  const { source_offset: sourceOffset, reason, detail, raw, timestamp } = parseDeadLetter(line);
  if (detail === '') return wrong('detail is empty');
  return {
    kind: 'ours',
    sourceOffset,
    entry: deadLetterEntry({ sourceOffset, reason, rawBase64: raw, timestampS: timestamp }),
  };
});

function readable(read: LineReader): LineReader {
  return (line) => {
    try {
      return read(line);
    } catch (error) {
      if (isPulsesError(error, 'OUTPUT_INVALID')) return wrong(error.message);
      throw error;
    }
  };
}

/** Whether a tenant's lines belong into a topic. All lines of a sound topic have one tenant, so the last answer is kept. */
function tenantCheck(topic: string, topicOf: (tenant: string) => string): (tenantId: string) => boolean {
  let known: string | undefined;
  return (tenantId) => {
    if (tenantId === known) return true;
    if (topicOf(encodeTenant(Buffer.from(tenantId))) !== topic) return false;
    known = tenantId;
    return true;
  };
}

function groupedIdOf(source: SourceId): (offset: number) => string {
  const ids = createGroupedIds(source);
  const out = Buffer.alloc(UUID_BYTES);
  return (offset) => {
    ids.write(offset, out, 0);
    return out.toString('latin1');
  };
}

/** What the ids of sums are made of: u16le length and bytes of tenant, SKU and unit. */
function keyOf(sum: AggregatedPulse): Buffer {
  return Buffer.concat(
    [sum.tenant_id, sum.product_sku, sum.use_unit].flatMap((text) => {
      const bytes = Buffer.from(text);
      const length = Buffer.alloc(2);
      length.writeUInt16LE(bytes.byteLength);
      return [length, bytes];
    }),
  );
}

/** The window that a line names, or what is wrong with it. */
function windowOf(sum: AggregatedPulse): WindowRange | string {
  const [, count = '', unit = ''] = /^(\d{1,12})(ms|s)$/.exec(sum.window) ?? [];
  const windowMs = Number(count) * (unit === 's' ? 1000 : 1);
  if (windowMs === 0 || windowText(windowMs) !== sum.window) return `window '${sum.window}' is no window length`;
  const startMs = millisecondsOf(sum.window_start);
  if (startMs % windowMs !== 0) return 'window_start is not a multiple of the window length';
  if (millisecondsOf(sum.window_end) !== startMs + windowMs) return 'window_end is not one length after window_start';
  if (sum.timestamp !== sum.window_end) return 'timestamp is not window_end';
  const { from_offset: fromOffset, to_offset: toOffset } = sum.source;
  if (toOffset < fromOffset) return 'to_offset is before from_offset';
  return { startMs, windowMs, fromOffset, toOffset };
}

/** Seconds of an output line have at most three decimals, which a double tells apart. */
function millisecondsOf(seconds: number): number {
  return Math.round(seconds * 1000);
}
