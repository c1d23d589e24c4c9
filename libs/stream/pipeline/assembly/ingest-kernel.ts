// The hot loop of the ingestor: usual source messages into grouped lines and sums.
//
// Guarantees: a message is taken completely or not at all. Whatever is not usual stops the loop before it, with the reason.
// Allocates nothing; keeps to the places of memory.ts. Sums are those of `addAmountAt` in the pulse model, number by number.

import {
  counters,
  ends,
  grouped,
  lineEnd,
  lineEnds,
  lineMiddle,
  lines,
  lineStart,
  lineTenants,
  rowCounts,
  rowFirstMs,
  rowIds,
  rowLastMs,
  rowLimbs,
  rowOf,
  runs,
  setPlaces,
  tenantBytes,
  tenantLines,
} from './memory';
import { copyExactly, copyOver } from './bytes';
import { addKey, FIELDS_AT, findKey, keyInWindow, placeOfFields, resetKeys, startWindow } from './keys';
import {
  amountAt,
  amountEnd,
  fraction,
  parse,
  skuAt,
  skuEnd,
  tenantAt,
  tenantEnd,
  unitAt,
  unitEnd,
  whole,
} from './parse';

export { addKey, placeOfFields, resetKeys, setPlaces, startWindow };

// Why `take` stopped; `Stop` of wasm-kernel.ts.
const TAKEN: u32 = 0;
const UNUSUAL: u32 = 1;
const UNBOUND: u32 = 2;
const FULL: u32 = 3;

const BASE: f64 = 1e15;
const TOP_MAX: f64 = 9007199254740991;

const LINE_START_BYTES: usize = 52;
/** Place of the last digit of the id's last group, and of the dash before it. */
const ID_LAST: usize = 49;
const ID_DASH: usize = 37;
const AMOUNT_NAME_BYTES: usize = 15;

/**
 * Takes messages `[from, to)`, which end at `ends` + `shift`; the first one starts at `start`, and `gap` bytes are between
 * two. The first one has the source offset `firstOffset`. Answers the first one that is not taken.
 *
 * @param writes whether to write grouped lines
 * @param sums whether to add to the delta
 * @param roomEnd a line is written when the lines with its key fields end by `roomEnd`
 * @param middleBytes length of `lineMiddle`
 * @param endBytes length of `lineEnd`, at most 32
 */
export function take(
  from: u32,
  to: u32,
  start: usize,
  shift: usize,
  gap: usize,
  firstOffset: f64,
  timestampMs: f64,
  writes: bool,
  sums: bool,
  roomEnd: u32,
  rowsMax: u32,
  middleBytes: usize,
  endBytes: usize,
): u32 {
  let lineCount = load<u32>(counters);
  let lineBytes = load<u32>(counters, 4);
  let rowCount = load<u32>(counters, 8);
  let offset = <u64>firstOffset;
  let at = start;
  let index = from;
  let stop = TAKEN;
  while (index < to) {
    if (rowCount == rowsMax) {
      stop = FULL;
      break;
    }
    const end = <usize>load<u32>(ends + ((<usize>index) << 2)) + shift;
    if (!parse(at, end)) {
      stop = UNUSUAL;
      break;
    }
    const entry = findKey(tenantAt, tenantEnd, skuAt, skuEnd, unitAt, unitEnd);
    if (entry == 0) {
      stop = UNUSUAL;
      break;
    }
    const key = keyInWindow(entry);
    if (key == 0) {
      stop = UNBOUND;
      store<u32>(counters, load<u32>(entry, 8), 16);
      break;
    }
    if (writes) {
      if (lineBytes + load<u32>(entry, 16) > roomEnd) {
        stop = FULL;
        break;
      }
      lineBytes = <u32>(writeLine(lines + lineBytes, entry, offset, middleBytes, endBytes) - lines);
      store<u32>(lineEnds + ((<usize>lineCount) << 2), lineBytes);
      store<u32>(lineTenants + ((<usize>lineCount) << 2), load<u32>(entry, 12));
      lineCount += 1;
    }
    if (sums) rowCount = addToRow(key - 1, rowCount, timestampMs);
    at = end + gap;
    offset += 1;
    index += 1;
  }
  store<u32>(counters, lineCount);
  store<u32>(counters, lineBytes, 4);
  store<u32>(counters, rowCount, 8);
  store<u32>(counters, stop, 12);
  return index;
}

/** Writes a grouped line and answers the place behind it. May write 63 bytes more. */
function writeLine(start: usize, entry: usize, offset: u64, middleBytes: usize, endBytes: usize): usize {
  v128.store(start, v128.load(lineStart));
  v128.store(start, v128.load(lineStart, 16), 16);
  v128.store(start, v128.load(lineStart, 32), 32);
  v128.store(start, v128.load(lineStart, 48), 48);
  writeId(start, offset);
  let at = start + LINE_START_BYTES;
  at = copyOver(entry + FIELDS_AT, at, load<u32>(entry, 16));
  // ,"used_amount":
  v128.store(at, v128.load(lineStart, 64));
  at = copyOver(amountAt, at + AMOUNT_NAME_BYTES, amountEnd - amountAt);
  at = copyOver(lineMiddle, at, middleBytes);
  at = writeInteger(offset, at);
  v128.store(at, v128.load(lineEnd));
  v128.store(at, v128.load(lineEnd, 16), 16);
  return at + endBytes;
}

/** The hexadecimal digits of the offset, over the zeros at the end of the id. */
function writeId(start: usize, offset: u64): void {
  let at = start + ID_LAST;
  for (let rest = offset; rest != 0; rest >>= 4) {
    if (at == start + ID_DASH) at -= 1;
    const digit = (<u32>rest) & 15;
    store<u8>(at, <u8>(digit < 10 ? 48 + digit : 87 + digit));
    at -= 1;
  }
}

function writeInteger(value: u64, start: usize): usize {
  let digits: usize = 1;
  for (let bound: u64 = 10; value >= bound; bound *= 10) digits += 1;
  let rest = value;
  for (let at = start + digits; at > start; at -= 1) {
    const quotient = rest / 10;
    store<u8>(at - 1, <u8>(48 + rest - quotient * 10));
    rest = quotient;
  }
  return start + digits;
}

/** Adds the pulse just parsed to the row of its key; answers the number of rows. */
function addToRow(key: u32, rowCount: u32, timestampMs: f64): u32 {
  const place = rowOf + ((<usize>key) << 2);
  let row = load<u32>(place);
  let count = rowCount;
  if (row == 0) {
    count += 1;
    row = count;
    store<u32>(place, row);
    store<u32>(rowIds + ((<usize>(row - 1)) << 2), key);
    const fresh = rowLimbs + ((<usize>(row - 1)) << 5);
    v128.store(fresh, i64x2.splat(0));
    v128.store(fresh, i64x2.splat(0), 16);
    store<f64>(rowCounts + ((<usize>(row - 1)) << 3), 0);
    store<f64>(rowFirstMs + ((<usize>(row - 1)) << 3), timestampMs);
  }
  const limbs = rowLimbs + ((<usize>(row - 1)) << 5);
  let low = load<f64>(limbs, 16) + fraction;
  let carry: f64 = 0;
  if (low >= BASE) {
    low -= BASE;
    carry = 1;
  } else if (low <= -BASE) {
    low += BASE;
    carry = -1;
  }
  store<f64>(limbs, low, 16);
  let high = load<f64>(limbs, 8) + whole + carry;
  carry = 0;
  if (high >= BASE) {
    high -= BASE;
    carry = 1;
  } else if (high <= -BASE) {
    high += BASE;
    carry = -1;
  }
  store<f64>(limbs, high, 8);
  if (carry != 0) {
    const top = load<f64>(limbs) + carry;
    store<f64>(limbs, top <= TOP_MAX && top >= -TOP_MAX ? top : NaN);
  }
  const counted = rowCounts + ((<usize>(row - 1)) << 3);
  store<f64>(counted, load<f64>(counted) + 1);
  store<f64>(rowLastMs + ((<usize>(row - 1)) << 3), timestampMs);
  return count;
}

/**
 * Moves the lines into `grouped`, tenant by tenant in the order of their first lines, and lists the runs. Answers the number
 * of runs. A counting sort: sizes by tenant, then places, then one move for each line.
 */
export function group(): u32 {
  const lineCount = load<u32>(counters);
  let runCount: u32 = 0;
  let start: u32 = 0;
  for (let line: u32 = 0; line < lineCount; line++) {
    const tenant = (<usize>load<u32>(lineTenants + ((<usize>line) << 2))) << 2;
    const end = load<u32>(lineEnds + ((<usize>line) << 2));
    const count = load<u32>(tenantLines + tenant);
    if (count == 0) {
      store<u32>(runs + <usize>runCount * 12, <u32>(tenant >> 2));
      runCount += 1;
    }
    store<u32>(tenantLines + tenant, count + 1);
    store<u32>(tenantBytes + tenant, load<u32>(tenantBytes + tenant) + end - start);
    start = end;
  }
  let place = <u32>grouped;
  for (let run: u32 = 0; run < runCount; run++) {
    const at = runs + <usize>run * 12;
    const tenant = (<usize>load<u32>(at)) << 2;
    const bytes = load<u32>(tenantBytes + tenant);
    store<u32>(at, load<u32>(tenantLines + tenant), 4);
    store<u32>(at, bytes, 8);
    // From here on it is the place of the tenant's next line.
    store<u32>(tenantBytes + tenant, place);
    place += bytes;
  }
  start = 0;
  for (let line: u32 = 0; line < lineCount; line++) {
    const tenant = (<usize>load<u32>(lineTenants + ((<usize>line) << 2))) << 2;
    const end = load<u32>(lineEnds + ((<usize>line) << 2));
    const to = load<u32>(tenantBytes + tenant);
    copyExactly(lines + start, to, end - start);
    store<u32>(tenantBytes + tenant, to + end - start);
    start = end;
  }
  for (let run: u32 = 0; run < runCount; run++) {
    const tenant = (<usize>load<u32>(runs + <usize>run * 12)) << 2;
    store<u32>(tenantLines + tenant, 0);
    store<u32>(tenantBytes + tenant, 0);
  }
  return runCount;
}
