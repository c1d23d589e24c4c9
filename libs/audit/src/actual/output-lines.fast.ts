// The fast path: offsets of output lines of the usual form, without reading the rest of the line.
//
// A line accepted here need not be valid: its bytes are compared with the expected ones. Any other line is left to
// output-lines.ts.

import type { SourceId } from '@pulses/shared-pulse-model';
import { groupedIds, GROUPED_ID_PREFIX_BYTES } from '../expected/expected-ids';
import { partitionIn, partitionMember } from '../expected/line-writer';
import { windowLengthMs, type OutputLine } from './output-lines';

const ZERO = 48;
const BRACE = '}'.charCodeAt(0);
const COLON = ':'.charCodeAt(0);
const QUOTE = '"'.charCodeAt(0);
const OFFSET_DIGITS_MAX = 15;
const ID_START = '{"object_id":"';
/** Within a string a quote stands behind a backslash, so these can't be part of a label. */
const WINDOW = Buffer.from(',"window":"');
const WINDOW_START = Buffer.from(',"window_start":');
const WINDOW_END = Buffer.from(',"window_end":');

/** Answers the source offset of the line `bytes[start, end)`, or -1 to leave it to the full reader. */
export function groupedOffsetReader(source: SourceId): (bytes: Buffer, start: number, end: number) => number {
  const prefix = Buffer.from(ID_START + groupedIds(source)(0).slice(0, GROUPED_ID_PREFIX_BYTES));
  const lineEnd = Buffer.from(`${partitionMember(source.partition)}}`);
  return (bytes, start, end) => {
    const offsetEnd = end - lineEnd.length;
    for (let index = 0; index < lineEnd.length; index += 1) if (bytes[offsetEnd + index] !== lineEnd[index]) return -1;
    for (let index = 0; index < prefix.length; index += 1) if (bytes[start + index] !== prefix[index]) return -1;
    return numberBefore(bytes, offsetEnd);
  };
}

/** Answers the window of an aggregated line, or undefined to leave it to the full reader. */
export function windowReader(source: SourceId): (bytes: Buffer, start: number, end: number) => OutputLine | undefined {
  const sourceStart = Buffer.from(
    `,"source":{"topic":${JSON.stringify(source.topic)},${partitionIn(source.partition)}"from_offset":`,
  );
  const toOffsetStart = Buffer.from(',"to_offset":');
  let last: OutputLine | undefined;
  return (bytes, start, end) => {
    const line = bytes.subarray(start, end);
    const sourceAt = line.lastIndexOf(sourceStart);
    const toAt = line.lastIndexOf(toOffsetStart);
    if (sourceAt < 0 || toAt < sourceAt || line[line.length - 1] !== BRACE || line[line.length - 2] !== BRACE)
      return undefined;
    const fromOffset = numberBefore(line, toAt);
    const toOffset = numberBefore(line, line.length - 2);
    if (fromOffset < 0 || toOffset < fromOffset) return undefined;
    if (last?.window?.fromOffset === fromOffset && last.window.toOffset === toOffset) return last;
    const lengthAt = line.indexOf(WINDOW) + WINDOW.length;
    const windowMs = windowLengthMs(line.toString('latin1', lengthAt, line.indexOf(QUOTE, lengthAt)));
    const startMs = timeBehind(line, WINDOW_START);
    // The stated window decides which lines are expected, so it must be consistent.
    if (windowMs === undefined || startMs % windowMs !== 0 || timeBehind(line, WINDOW_END) !== startMs + windowMs)
      return undefined;
    last = { kind: 'ours', sourceOffset: fromOffset, window: { startMs, windowMs, fromOffset, toOffset } };
    return last;
  };
}

/** Milliseconds of the Unix seconds after a name; NaN when there are none. */
function timeBehind(line: Buffer, name: Buffer): number {
  const start = line.indexOf(name) + name.length;
  const [, text] = /^(\d{1,12}(?:\.\d{1,3})?),/.exec(line.toString('latin1', start, start + 20)) ?? [];
  return Math.round(Number(text) * 1000);
}

/** The whole number that ends before `end` and follows a colon; -1 when there is none. */
function numberBefore(bytes: Buffer, end: number): number {
  let value = 0;
  let scale = 1;
  let at = end - 1;
  for (; end - at <= OFFSET_DIGITS_MAX; at -= 1) {
    const digit = (bytes[at] as number) - ZERO;
    if (!(digit >= 0 && digit <= 9)) break;
    value += digit * scale;
    scale *= 10;
  }
  return at < end - 1 && bytes[at] === COLON ? value : -1;
}
