// The bytes of the lines that a source must have led to, written by the audit's own code.
//
// Of the model it uses the exact amounts alone: digits of an amount and of whole numbers.

import { AMOUNT_BYTES_MAX, formatAmount, writeAmount, writeInteger, type SourceId } from '@pulses/shared-pulse-model';
import { NEEDS_NO_ESCAPE, type PulseFields } from './pulse-parser.fast';
import type { ExpectedLines } from './expected-lines';
import { keyBytes, labelsOf } from './keys';
import { aggregatedIds, groupedIds, ID_BYTES, writeIdOffset } from './expected-ids';

const OBJECT_ID = Buffer.from('{"object_id":"');
const TENANT = Buffer.from('","tenant_id":"');
const SKU = Buffer.from('","product_sku":"');
const UNIT = Buffer.from('","use_unit":"');
const AMOUNT = Buffer.from('","used_amount":');
const TIMESTAMP = ',"timestamp":';
const OFFSET = ',"source_offset":';
const BEFORE_LABELS = [TENANT, SKU, UNIT];
const TOTAL = Buffer.from('","total_amount":');
const FIRST_SEEN = Buffer.from(',"first_seen":');
const LAST_SEEN = Buffer.from(',"last_seen":');
const POINT = '.'.charCodeAt(0);
const ZERO = 48;
const LINE_FEED = 10;
const INTEGER_BYTES_MAX = 16;
const SECONDS_BYTES_MAX = INTEGER_BYTES_MAX + '.000'.length;

/** Writes grouped lines. */
export interface GroupedWriter {
  /** Adds the line of a pulse whose labels need no escapes. */
  writePlain(lines: ExpectedLines, pulse: PulseFields, timestampS: number, offset: number): void;
  /** Adds the line of any pulse. */
  write(lines: ExpectedLines, pulse: PulseFields, timestampS: number, offset: number): void;
}

export function createGroupedWriter(source: SourceId): GroupedWriter {
  const idOf = groupedIds(source);
  const lineEnd = Buffer.from(`${partitionMember(source.partition)}}\n`);
  const head = Buffer.concat([OBJECT_ID, Buffer.from(idOf(0)), TENANT]);
  const restBytesMax =
    head.length +
    SKU.length +
    UNIT.length +
    AMOUNT.length +
    AMOUNT_BYTES_MAX +
    TIMESTAMP.length +
    OFFSET.length +
    2 * INTEGER_BYTES_MAX +
    lineEnd.length;
  let tailTimestampS = -1;
  let tail = Buffer.alloc(0);
  return {
    writePlain(
      lines,
      { text, tenantStart, tenantEnd, skuStart, skuEnd, unitStart, unitEnd, amount },
      timestampS,
      offset,
    ) {
      if (timestampS !== tailTimestampS) {
        // All messages of a batch share it.
        tail = Buffer.from(`${TIMESTAMP}${timestampS}${OFFSET}`);
        tailTimestampS = timestampS;
      }
      lines.reserve(restBytesMax + tenantEnd - tenantStart + skuEnd - skuStart + unitEnd - unitStart);
      const { buffer, position } = lines;
      buffer.set(head, position);
      writeIdOffset(offset, buffer, position + OBJECT_ID.length);
      let at = copy(text, tenantStart, tenantEnd, buffer, position + head.length);
      at = copy(SKU, 0, SKU.length, buffer, at);
      at = copy(text, skuStart, skuEnd, buffer, at);
      at = copy(UNIT, 0, UNIT.length, buffer, at);
      at = copy(text, unitStart, unitEnd, buffer, at);
      at = copy(AMOUNT, 0, AMOUNT.length, buffer, at);
      at = writeAmount(amount, 0, buffer, at);
      buffer.set(tail, at);
      at = writeInteger(offset, buffer, at + tail.length);
      lines.wrote(copy(lineEnd, 0, lineEnd.length, buffer, at));
    },
    write(lines, pulse, timestampS, offset) {
      const { text, tenantStart, tenantEnd, skuStart, skuEnd, unitStart, unitEnd, amount } = pulse;
      const [tenant, sku, unit] = [
        text.subarray(tenantStart, tenantEnd),
        text.subarray(skuStart, skuEnd),
        text.subarray(unitStart, unitEnd),
      ];
      addLine(
        lines,
        `{"object_id":"${idOf(offset)}",${keyMembers(tenant, sku, unit)},"used_amount":${formatAmount(amount)}` +
          `${TIMESTAMP}${timestampS}${OFFSET}${offset}${partitionMember(source.partition)}}`,
      );
    },
  };
}

/** How a line names the partition that it comes from, where the source has some. */
export function partitionMember(partition: number | undefined): string {
  return partition === undefined ? '' : `,"source_partition":${partition}`;
}

/** `"tenant_id":…,"product_sku":…,"use_unit":…` */
function keyMembers(tenant: Uint8Array, sku: Uint8Array, unit: Uint8Array): string {
  return `"tenant_id":${quoted(tenant)},"product_sku":${quoted(sku)},"use_unit":${quoted(unit)}`;
}

function quoted(label: Uint8Array): string {
  return JSON.stringify(Buffer.from(label.buffer, label.byteOffset, label.byteLength).toString('utf8'));
}

/** True when no label needs an escape in JSON. */
function needNoEscape(labels: Buffer): boolean {
  for (let at = 0; at < labels.length;) {
    const end = at + 2 + labels.readUInt16LE(at);
    for (at += 2; at < end; at += 1) if (NEEDS_NO_ESCAPE[labels[at] as number] !== 1) return false;
  }
  return true;
}

/** The labels with their JSON escapes, each after its length. */
function escaped(labels: Buffer): Buffer {
  return keyBytes(labelsOf(labels).map((label) => Buffer.from(quoted(label).slice(1, -1))));
}

/** A loop: for a few bytes a call of `copy` or `set` costs more than the copying. */
function copy(from: Uint8Array, start: number, end: number, to: Uint8Array, position: number): number {
  const shift = position - start;
  for (let at = start; at < end; at += 1) to[at + shift] = from[at] as number;
  return end + shift;
}

/** A window and its source offsets, both ends included. */
export interface WindowRange {
  readonly startMs: number;
  readonly windowMs: number;
  readonly fromOffset: number;
  readonly toOffset: number;
}

export interface SumFacts {
  /** AMOUNT_LIMBS limbs from `limbIndex` on. */
  readonly limbs: Float64Array;
  readonly limbIndex: number;
  readonly pulseCount: number;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
}

/** Adds the lines of one window. `labels` are u16le length and bytes of tenant, SKU and unit. */
export function createSumWriter(
  source: SourceId,
  window: WindowRange,
): (lines: ExpectedLines, labels: Buffer, sum: SumFacts) => void {
  const { startMs, windowMs, fromOffset, toOffset } = window;
  const idOf = aggregatedIds(source, startMs, windowMs);
  const end = secondsOf(startMs + windowMs);
  const length = windowMs % 1000 === 0 ? `${windowMs / 1000}s` : `${windowMs}ms`;
  const times = Buffer.from(
    `,"window":"${length}","timestamp":${end},"window_start":${secondsOf(startMs)},"window_end":${end},"pulse_count":`,
  );
  const read = Buffer.from(
    `,"source":{"topic":${JSON.stringify(source.topic)},${partitionIn(source.partition)}"from_offset":${fromOffset},"to_offset":${toOffset}}}\n`,
  );
  const restBytesMax =
    Buffer.concat([OBJECT_ID, ...BEFORE_LABELS, TOTAL, times, FIRST_SEEN, LAST_SEEN, read]).length +
    ID_BYTES +
    AMOUNT_BYTES_MAX +
    INTEGER_BYTES_MAX +
    2 * SECONDS_BYTES_MAX;
  return (lines, labels, { limbs, limbIndex, pulseCount, firstSeenMs, lastSeenMs }) => {
    const written = needNoEscape(labels) ? labels : escaped(labels);
    lines.reserve(restBytesMax + written.length);
    const { buffer, position } = lines;
    let at = copy(OBJECT_ID, 0, OBJECT_ID.length, buffer, position);
    at += buffer.write(idOf(labels), at, 'latin1');
    let label = 0;
    for (const before of BEFORE_LABELS) {
      const labelEnd = label + 2 + written.readUInt16LE(label);
      at = copy(before, 0, before.length, buffer, at);
      at = copy(written, label + 2, labelEnd, buffer, at);
      label = labelEnd;
    }
    at = copy(TOTAL, 0, TOTAL.length, buffer, at);
    at = writeAmount(limbs, limbIndex, buffer, at);
    at = copy(times, 0, times.length, buffer, at);
    at = writeInteger(pulseCount, buffer, at);
    at = copy(FIRST_SEEN, 0, FIRST_SEEN.length, buffer, at);
    at = writeSeconds(firstSeenMs, buffer, at);
    at = copy(LAST_SEEN, 0, LAST_SEEN.length, buffer, at);
    at = writeSeconds(lastSeenMs, buffer, at);
    lines.wrote(copy(read, 0, read.length, buffer, at));
  };
}

/** How the source of a sum names its partition, where there are some. */
export function partitionIn(partition: number | undefined): string {
  return partition === undefined ? '' : `"partition":${partition},`;
}

/** What is compared of a dead letter: everything but the detail, which is for people. */
export interface DeadLetterFacts {
  readonly sourceOffset: number;
  readonly reason: string;
  readonly rawBase64: string;
  readonly timestampS: number;
  /** Undefined for a source that has none. */
  readonly partition: number | undefined;
}

export function deadLetterText({ sourceOffset, reason, rawBase64, timestampS, partition }: DeadLetterFacts): string {
  const raw = { raw: rawBase64, source_partition: partition };
  return JSON.stringify({ source_offset: sourceOffset, reason, timestamp: timestampS, ...raw });
}

export function addLine(lines: ExpectedLines, text: string): void {
  const bytes = Buffer.byteLength(text) + 1;
  lines.reserve(bytes);
  const { buffer, position } = lines;
  buffer.write(text, position);
  buffer[position + bytes - 1] = LINE_FEED;
  lines.wrote(position + bytes);
}

/** Unix seconds of milliseconds: whole, or with up to three decimals. */
function secondsOf(timeMs: number): string {
  return secondsScratch.toString('latin1', 0, writeSeconds(timeMs, secondsScratch, 0));
}

const secondsScratch = Buffer.alloc(SECONDS_BYTES_MAX);

function writeSeconds(timeMs: number, out: Uint8Array, position: number): number {
  const milliseconds = timeMs % 1000;
  let at = writeInteger((timeMs - milliseconds) / 1000, out, position);
  if (milliseconds > 0) {
    out[at] = POINT;
    at += 1;
  }
  for (let rest = milliseconds; rest > 0; rest = (rest * 10) % 1000) {
    out[at] = ZERO + Math.floor(rest / 100);
    at += 1;
  }
  return at;
}
