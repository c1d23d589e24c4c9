// Encodes output lines. The keys of a line have a fixed order, so that equal values give equal bytes.

import { AMOUNT_BYTES_MAX, writeAmount, writeInteger } from './amount-writing';
import type { DeadLetterReason } from './dead-letter-reason';
import type { KeyFieldsSource } from './key-fields';
import { createAggregatedIds, UUID_BYTES, type GroupedIds, type SourceId } from './object-ids';

const ascii = (text: string): Buffer => Buffer.from(text, 'latin1');

const LINE_START = ascii('{"object_id":"');
const BEHIND_ID = ascii('",');
const GROUPED_AMOUNT = ascii(',"used_amount":');
const GROUPED_TIMESTAMP = ascii(',"timestamp":');
const GROUPED_OFFSET = ascii(',"source_offset":');
/** How a line ends that names the greatest partition. */
const GROUPED_END_BYTES_MAX = ascii(',"source_partition":2147483647}\n').byteLength;
const AGGREGATED_AMOUNT = ascii(',"total_amount":');
const AGGREGATED_FIRST_SEEN = ascii(',"first_seen":');
const AGGREGATED_LAST_SEEN = ascii(',"last_seen":');
const INTEGER_BYTES_MAX = 16;
const ZERO = 48;
const POINT = 46;

/** Maximum bytes of a grouped line besides its key fields. */
export const GROUPED_LINE_OVERHEAD_BYTES =
  LINE_START.byteLength +
  UUID_BYTES +
  BEHIND_ID.byteLength +
  GROUPED_AMOUNT.byteLength +
  AMOUNT_BYTES_MAX +
  GROUPED_TIMESTAMP.byteLength +
  GROUPED_OFFSET.byteLength +
  GROUPED_END_BYTES_MAX +
  2 * INTEGER_BYTES_MAX;

/** Maximum bytes of an aggregated line besides its key fields and what the lines of a window share. A time has a point. */
const AGGREGATED_OVERHEAD_BYTES =
  LINE_START.byteLength +
  UUID_BYTES +
  BEHIND_ID.byteLength +
  AGGREGATED_AMOUNT.byteLength +
  AMOUNT_BYTES_MAX +
  AGGREGATED_FIRST_SEEN.byteLength +
  AGGREGATED_LAST_SEEN.byteLength +
  INTEGER_BYTES_MAX +
  2 * (INTEGER_BYTES_MAX + 1);

/**
 * Writes a grouped pulse of the key `id` with its line feed, and returns the position after it. `out` has room for
 * GROUPED_LINE_OVERHEAD_BYTES and the key fields. `limbs` hold the amount from `limbIndex` on. `timestampS` is whole Unix
 * seconds.
 */
export function writeGroupedLine(
  out: Uint8Array,
  position: number,
  ids: GroupedIds,
  offset: number,
  keyFields: KeyFieldsSource,
  id: number,
  limbs: Float64Array,
  limbIndex: number,
  timestampS: number,
): number {
  let at = copy(LINE_START, out, position);
  at = ids.write(offset, out, at);
  at = copy(BEHIND_ID, out, at);
  at = keyFields.write(id, out, at);
  at = copy(GROUPED_AMOUNT, out, at);
  at = writeAmount(limbs, limbIndex, out, at);
  at = copy(GROUPED_TIMESTAMP, out, at);
  at = writeInteger(timestampS, out, at);
  at = copy(GROUPED_OFFSET, out, at);
  at = writeInteger(offset, out, at);
  return copy(ids.lineEnd, out, at);
}

// A loop is faster than `Buffer.copy` for a few bytes, since it stays in compiled code; for 80 and more it is slower.
function copy(bytes: Uint8Array, out: Uint8Array, position: number): number {
  for (let index = 0; index < bytes.length; index += 1) out[position + index] = bytes[index] as number;
  return position + bytes.length;
}

/** The fields of a closed window that all its lines share. */
export interface WindowFacts {
  readonly source: SourceId;
  readonly windowStartMs: number;
  readonly windowMs: number;
  /** First and last source offset of the window. */
  readonly fromOffset: number;
  readonly toOffset: number;
}

/** @see createAggregatedLines */
export interface AggregatedLines {
  /** Maximum bytes of a line besides its key fields. */
  readonly overheadBytes: number;
  /**
   * Writes the aggregated pulse of the key `id` with its line feed, and returns the position after it. `out` has room for
   * `overheadBytes` and the key fields. `key` is the key's bytes in the format of the key table. `limbs` hold the sum from
   * `limbIndex` on.
   * @throws RangeError when the sum overflows its limbs
   */
  write(
    out: Uint8Array,
    position: number,
    id: number,
    key: Uint8Array,
    limbs: Float64Array,
    limbIndex: number,
    pulseCount: number,
    firstSeenMs: number,
    lastSeenMs: number,
  ): number;
}

/** The lines of one window with these key fields. */
export function createAggregatedLines(window: WindowFacts, keyFields: KeyFieldsSource): AggregatedLines {
  const { source, windowStartMs, windowMs, fromOffset, toOffset } = window;
  const ids = createAggregatedIds(source, windowStartMs, windowMs);
  const end = secondsText(windowStartMs + windowMs);
  const windowFields = ascii(
    `,"window":"${windowText(windowMs)}","timestamp":${end},` +
      `"window_start":${secondsText(windowStartMs)},"window_end":${end},"pulse_count":`,
  );
  const partition = source.partition === undefined ? '' : `"partition":${source.partition},`;
  const sourceFields = Buffer.from(
    `,"source":{"topic":${JSON.stringify(source.topic)},${partition}"from_offset":${fromOffset},"to_offset":${toOffset}}}\n`,
  );
  return {
    overheadBytes: AGGREGATED_OVERHEAD_BYTES + windowFields.byteLength + sourceFields.byteLength,
    write(out, position, id, key, limbs, limbIndex, pulseCount, firstSeenMs, lastSeenMs) {
      let at = copy(LINE_START, out, position);
      at = ids.write(key, out, at);
      at = copy(BEHIND_ID, out, at);
      at = keyFields.write(id, out, at);
      at = copy(AGGREGATED_AMOUNT, out, at);
      at = writeAmount(limbs, limbIndex, out, at);
      at += windowFields.copy(out, at);
      at = writeInteger(pulseCount, out, at);
      at = copy(AGGREGATED_FIRST_SEEN, out, at);
      at = writeSeconds(firstSeenMs, out, at);
      at = copy(AGGREGATED_LAST_SEEN, out, at);
      at = writeSeconds(lastSeenMs, out, at);
      return at + sourceFields.copy(out, at);
    },
  };
}

/** As `secondsText`, in place; returns the position after it. `timeMs` is from 0 to 2^53 - 1. */
function writeSeconds(timeMs: number, out: Uint8Array, position: number): number {
  const whole = Math.floor(timeMs / 1000);
  const rest = (timeMs - whole * 1000) | 0;
  let at = writeInteger(whole, out, position);
  if (rest === 0) return at;
  // The digit 1 in front keeps zeros behind it; the point takes its place.
  const point = at;
  at = writeInteger(1000 + rest, out, point);
  out[point] = POINT;
  while (out[at - 1] === ZERO) at -= 1;
  return at;
}

/** Milliseconds as Unix seconds with up to three decimals. */
export function secondsText(timeMs: number): string {
  const whole = Math.floor(timeMs / 1000);
  const rest = timeMs - whole * 1000;
  return rest === 0 ? `${whole}` : `${whole}.${String(rest).padStart(3, '0').replace(/0+$/, '')}`;
}

/** A window length such as `"5s"`: in whole seconds if possible, else in milliseconds. */
export function windowText(windowMs: number): string {
  return windowMs % 1000 === 0 ? `${windowMs / 1000}s` : `${windowMs}ms`;
}

/**
 * A dead letter and its line feed. `raw` is the message; `timestampMs` is the time when the log stored it.
 * @param partition of the message; undefined for a source that has none
 */
export function deadLetterLine(
  offset: number,
  reason: DeadLetterReason,
  detail: string,
  raw: Uint8Array,
  timestampMs: number,
  partition?: number,
): Buffer {
  const base64 = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('base64');
  const end = partition === undefined ? '' : `,"source_partition":${partition}`;
  return Buffer.from(
    `{"source_offset":${offset},"reason":"${reason}","detail":${JSON.stringify(detail)},"raw":"${base64}","timestamp":${Math.floor(timestampMs / 1000)}${end}}\n`,
    'utf8',
  );
}
