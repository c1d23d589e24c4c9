// One output line, read in full: whether it belongs to the source under audit, and to which offsets. Its bytes are
// compared elsewhere.
//
// A line's id is a pure function of its source and offset, or of window and key. A line whose id fits no source that the
// broker knows is a finding.

import { isPulsesError } from '@pulses/shared-errors';
import {
  aggregatedTopic,
  encodeTenant,
  groupedTopic,
  parseAggregatedPulse,
  parseDeadLetter,
  parseGroupedPulse,
  type AggregatedPulse,
  type SourceId,
} from '@pulses/shared-pulse-model';
import { keyBytes } from '../expected/keys';
import { deadLetterText, type WindowRange } from '../expected/line-writer';
import { aggregatedIds, groupedIds } from '../expected/expected-ids';

/** A line of the source; `sourceOffset` decides whether it is compared. */
export interface OutputLine {
  readonly kind: 'ours';
  /** For an aggregated line the first one of its window. */
  readonly sourceOffset: number;
  readonly window?: WindowRange;
  /** What is compared, when it is not the line itself. */
  readonly text?: string;
}

export type LineReading =
  OutputLine | { readonly kind: 'of another source' } | { readonly kind: 'wrong'; readonly problem: string };

export type LineReader = (line: string) => LineReading;

const wrong = (problem: string): LineReading => ({ kind: 'wrong', problem });

/** Reads the lines of a grouped topic. */
export function groupedLineReader(topic: string, source: SourceId, otherSources: readonly SourceId[]): LineReader {
  const ourId = groupedIds(source);
  const otherIds = otherSources.map(groupedIds);
  const isOfTopic = tenantCheck(topic, groupedTopic);
  return readable((line) => {
    const { source_offset: sourceOffset, tenant_id: tenantId, object_id: id } = parseGroupedPulse(line);
    if (!isOfTopic(tenantId)) return wrong('the line is of another tenant');
    if (ourId(sourceOffset) === id) return { kind: 'ours', sourceOffset };
    const isKnown = otherIds.some((idOf) => idOf(sourceOffset) === id);
    return isKnown ? { kind: 'of another source' } : wrong('object_id is not that of the source offset');
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
    const key = keyBytes([sum.tenant_id, sum.product_sku, sum.use_unit].map((label) => Buffer.from(label)));
    const isOf = (candidate: SourceId) =>
      candidate.topic === sum.source.topic &&
      aggregatedIds(candidate, window.startMs, window.windowMs)(key) === sum.object_id;
    if (isOf(source)) return { kind: 'ours', sourceOffset: window.fromOffset, window };
    return otherSources.some(isOf)
      ? { kind: 'of another source' }
      : wrong('object_id is not that of source, window and key');
  });
}

/** Reads the lines of a dead-letter topic, all of which are of its source, in one or the other partition. */
export function deadLetterLineReader(source: SourceId, otherSources: readonly SourceId[]): LineReader {
  const otherPartitions = new Set(
    otherSources.filter(({ topic }) => topic === source.topic).map(({ partition }) => partition),
  );
  return readable((line) => {
    const {
      source_offset: sourceOffset,
      reason,
      detail,
      raw,
      timestamp,
      source_partition: partition,
    } = parseDeadLetter(line);
    if (partition !== source.partition)
      return otherPartitions.has(partition)
        ? { kind: 'of another source' }
        : wrong('source_partition is that of no partition with a position');
    if (detail === '') return wrong('detail is empty');
    return {
      kind: 'ours',
      sourceOffset,
      text: deadLetterText({ sourceOffset, reason, rawBase64: raw, timestampS: timestamp, partition }),
    };
  });
}

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

/** Whether a tenant's lines belong to a topic. Caches the last tenant: all lines of a sound topic have the same. */
function tenantCheck(topic: string, topicOf: (tenant: string) => string): (tenantId: string) => boolean {
  let known: string | undefined;
  return (tenantId) => {
    if (tenantId === known) return true;
    if (topicOf(encodeTenant(Buffer.from(tenantId))) !== topic) return false;
    known = tenantId;
    return true;
  };
}

/** The window that a line names, or what is wrong with it. */
function windowOf(sum: AggregatedPulse): WindowRange | string {
  const windowMs = windowLengthMs(sum.window);
  if (windowMs === undefined) return `window '${sum.window}' is no window length`;
  const startMs = millisecondsOf(sum.window_start);
  if (startMs % windowMs !== 0) return 'window_start is not a multiple of the window length';
  if (millisecondsOf(sum.window_end) !== startMs + windowMs) return 'window_end is not one length after window_start';
  if (sum.timestamp !== sum.window_end) return 'timestamp is not window_end';
  const { from_offset: fromOffset, to_offset: toOffset } = sum.source;
  if (toOffset < fromOffset) return 'to_offset is before from_offset';
  return { startMs, windowMs, fromOffset, toOffset };
}

/** Milliseconds of a window length as lines state it: whole seconds as `5s`, others as `250ms`. */
export function windowLengthMs(text: string): number | undefined {
  const [, count = '', unit = ''] = /^([1-9]\d{0,11})(ms|s)$/.exec(text) ?? [];
  if (unit === 's') return Number(count) * 1000;
  return unit === 'ms' && Number(count) % 1000 !== 0 ? Number(count) : undefined;
}

/** Seconds in an output line have at most three decimals, so a double is exact enough. */
function millisecondsOf(seconds: number): number {
  return Math.round(seconds * 1000);
}
