// Encodes output lines. The keys of a line have a fixed order, so that equal values give equal bytes.

import { AMOUNT_BYTES_MAX, writeAmount, writeInteger } from './amount-writing';
import type { DeadLetterReason } from './dead-letter-reason';
import type { KeyFieldsSource } from './key-fields';
import { aggregatedIds, UUID_BYTES, type GroupedIds, type SourceId } from './object-ids';

const ascii = (text: string): Buffer => Buffer.from(text, 'latin1');

const GROUPED_START = ascii('{"object_id":"');
const GROUPED_KEY = ascii('",');
const GROUPED_AMOUNT = ascii(',"used_amount":');
const GROUPED_TIMESTAMP = ascii(',"timestamp":');
const GROUPED_OFFSET = ascii(',"source_offset":');
const GROUPED_END = ascii('}\n');
const INTEGER_BYTES_MAX = 16;

/** Maximum bytes of a grouped line besides its key fields. */
export const GROUPED_LINE_OVERHEAD_BYTES =
  GROUPED_START.byteLength +
  UUID_BYTES +
  GROUPED_KEY.byteLength +
  GROUPED_AMOUNT.byteLength +
  AMOUNT_BYTES_MAX +
  GROUPED_TIMESTAMP.byteLength +
  GROUPED_OFFSET.byteLength +
  GROUPED_END.byteLength +
  2 * INTEGER_BYTES_MAX;

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
  let at = copy(GROUPED_START, out, position);
  at = ids.write(offset, out, at);
  at = copy(GROUPED_KEY, out, at);
  at = keyFields.write(id, out, at);
  at = copy(GROUPED_AMOUNT, out, at);
  at = writeAmount(limbs, limbIndex, out, at);
  at = copy(GROUPED_TIMESTAMP, out, at);
  at = writeInteger(timestampS, out, at);
  at = copy(GROUPED_OFFSET, out, at);
  at = writeInteger(offset, out, at);
  return copy(GROUPED_END, out, at);
}

// A loop is faster than `set` for a few bytes, since it stays in compiled code.
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

/** The sum of one key in a window. */
export interface KeySum {
  readonly id: number;
  /** The key's bytes in the format of the key table. */
  readonly key: Uint8Array;
  /** Plain decimal text. */
  readonly total: string;
  readonly pulseCount: number;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
}

/** The lines of one window with these key fields: an aggregated pulse and its line feed for each sum. */
export function aggregatedLines(window: WindowFacts, keyFields: KeyFieldsSource): (sum: KeySum) => Buffer {
  const { source, windowStartMs, windowMs, fromOffset, toOffset } = window;
  const idOf = aggregatedIds(source, windowStartMs, windowMs);
  const end = secondsText(windowStartMs + windowMs);
  const windowFields =
    `,"window":"${windowText(windowMs)}","timestamp":${end},` +
    `"window_start":${secondsText(windowStartMs)},"window_end":${end},"pulse_count":`;
  const sourceFields = `,"source":{"topic":${JSON.stringify(source.topic)},"from_offset":${fromOffset},"to_offset":${toOffset}}}\n`;
  return ({ id, key, total, pulseCount, firstSeenMs, lastSeenMs }) => {
    const before = `{"object_id":"${idOf(key)}",`;
    const behind =
      `,"total_amount":${total}${windowFields}${pulseCount},` +
      `"first_seen":${secondsText(firstSeenMs)},"last_seen":${secondsText(lastSeenMs)}${sourceFields}`;
    const line = Buffer.allocUnsafe(before.length + keyFields.lengthOf(id) + Buffer.byteLength(behind));
    const behindAt = keyFields.write(id, line, line.write(before, 0, 'latin1'));
    line.write(behind, behindAt, 'utf8');
    return line;
  };
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

/** A dead letter and its line feed. `raw` is the message; `timestampMs` is the time when the broker stored it. */
export function deadLetterLine(
  offset: number,
  reason: DeadLetterReason,
  detail: string,
  raw: Uint8Array,
  timestampMs: number,
): Buffer {
  const base64 = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('base64');
  return Buffer.from(
    `{"source_offset":${offset},"reason":"${reason}","detail":${JSON.stringify(detail)},"raw":"${base64}","timestamp":${Math.floor(timestampMs / 1000)}}\n`,
    'utf8',
  );
}
