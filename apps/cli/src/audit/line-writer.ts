// The bytes of the lines that a source must have led to, by the audit's own hand (contract section 2).
//
// Of the model it uses the exact amounts alone: digits of an amount and of whole numbers.

import { AMOUNT_BYTES_MAX, formatAmount, writeAmount, writeInteger, type SourceId } from '@pulses/shared-pulse-model';
import type { PulseFields } from './common-pulse';
import type { ExpectedLines } from './expected-lines';
import { labelsOf } from './keys';
import { aggregatedIds, groupedIds, writeIdOffset } from './object-ids';

const ID_START = '{"object_id":"'.length;
const SKU = Buffer.from('","product_sku":"');
const UNIT = Buffer.from('","use_unit":"');
const AMOUNT = Buffer.from('","used_amount":');
const TIMESTAMP = ',"timestamp":';
const OFFSET = ',"source_offset":';
const BRACE = '}'.charCodeAt(0);
const LINE_FEED = 10;
const INTEGER_BYTES_MAX = 16;

/** Writes grouped lines. */
export interface GroupedWriter {
  /** Adds the line of a pulse whose labels stand in JSON as they are. */
  writePlain(lines: ExpectedLines, pulse: PulseFields, timestampS: number, offset: number): void;
  /** Adds the line of any pulse. */
  write(lines: ExpectedLines, pulse: PulseFields, timestampS: number, offset: number): void;
}

export function createGroupedWriter(source: SourceId): GroupedWriter {
  const idOf = groupedIds(source);
  const head = Buffer.from(`{"object_id":"${idOf(0)}","tenant_id":"`);
  const restBytesMax =
    head.length + SKU.length + UNIT.length + AMOUNT.length + AMOUNT_BYTES_MAX + TIMESTAMP.length + OFFSET.length + 2 * INTEGER_BYTES_MAX + 2;
  let tailTimestampS = -1;
  let tail = Buffer.alloc(0);
  return {
    writePlain(lines, { text, tenantStart, tenantEnd, skuStart, skuEnd, unitStart, unitEnd, amount }, timestampS, offset) {
      if (timestampS !== tailTimestampS) {
        // The same for all messages of a batch.
        tail = Buffer.from(`${TIMESTAMP}${timestampS}${OFFSET}`);
        tailTimestampS = timestampS;
      }
      lines.reserve(restBytesMax + tenantEnd - tenantStart + skuEnd - skuStart + unitEnd - unitStart);
      const { buffer, position } = lines;
      buffer.set(head, position);
      writeIdOffset(offset, buffer, position + ID_START);
      let at = copy(text, tenantStart, tenantEnd, buffer, position + head.length);
      at = copy(SKU, 0, SKU.length, buffer, at);
      at = copy(text, skuStart, skuEnd, buffer, at);
      at = copy(UNIT, 0, UNIT.length, buffer, at);
      at = copy(text, unitStart, unitEnd, buffer, at);
      at = copy(AMOUNT, 0, AMOUNT.length, buffer, at);
      at = writeAmount(amount, 0, buffer, at);
      buffer.set(tail, at);
      at = writeInteger(offset, buffer, at + tail.length);
      buffer[at] = BRACE;
      buffer[at + 1] = LINE_FEED;
      lines.wrote(at + 2);
    },
    write(lines, pulse, timestampS, offset) {
      const { text, tenantStart, tenantEnd, skuStart, skuEnd, unitStart, unitEnd, amount } = pulse;
      const [tenant, sku, unit] = [text.subarray(tenantStart, tenantEnd), text.subarray(skuStart, skuEnd), text.subarray(unitStart, unitEnd)];
      addLine(
        lines,
        `{"object_id":"${idOf(offset)}",${keyMembers(tenant, sku, unit)},"used_amount":${formatAmount(amount)}` +
          `${TIMESTAMP}${timestampS}${OFFSET}${offset}}`,
      );
    },
  };
}

/** `"tenant_id":…,"product_sku":…,"use_unit":…` */
function keyMembers(tenant: Uint8Array, sku: Uint8Array, unit: Uint8Array): string {
  return `"tenant_id":${quoted(tenant)},"product_sku":${quoted(sku)},"use_unit":${quoted(unit)}`;
}

function quoted(label: Uint8Array): string {
  return JSON.stringify(Buffer.from(label.buffer, label.byteOffset, label.byteLength).toString('utf8'));
}

/** A loop: for so few bytes a call of `copy` or `set` costs more than the copying. */
function copy(from: Uint8Array, start: number, end: number, to: Uint8Array, position: number): number {
  const shift = position - start;
  for (let at = start; at < end; at += 1) to[at + shift] = from[at] as number;
  return end + shift;
}

/** A window and the source offsets that it read, both ends included. */
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

/** Adds the lines of one window. */
export function createSumWriter(
  source: SourceId,
  window: WindowRange,
): (lines: ExpectedLines, key: Buffer, sum: SumFacts) => void {
  const { startMs, windowMs, fromOffset, toOffset } = window;
  const idOf = aggregatedIds(source, startMs, windowMs);
  const end = secondsOf(startMs + windowMs);
  const length = windowMs % 1000 === 0 ? `${windowMs / 1000}s` : `${windowMs}ms`;
  const times = `"window":"${length}","timestamp":${end},"window_start":${secondsOf(startMs)},"window_end":${end}`;
  const read = `"source":{"topic":${JSON.stringify(source.topic)},"from_offset":${fromOffset},"to_offset":${toOffset}}`;
  return (lines, key, { limbs, limbIndex, pulseCount, firstSeenMs, lastSeenMs }) => {
    const total = formatAmount(limbs, limbIndex);
    const seen = `"pulse_count":${pulseCount},"first_seen":${secondsOf(firstSeenMs)},"last_seen":${secondsOf(lastSeenMs)}`;
    addLine(lines, `{"object_id":"${idOf(key)}",${keyMembers(...labelsOf(key))},"total_amount":${total},${times},${seen},${read}}`);
  };
}

/** What is compared of a dead letter: everything but the detail, which is for people. */
export interface DeadLetterFacts {
  readonly sourceOffset: number;
  readonly reason: string;
  readonly rawBase64: string;
  readonly timestampS: number;
}

export function deadLetterText({ sourceOffset, reason, rawBase64, timestampS }: DeadLetterFacts): string {
  return JSON.stringify({ source_offset: sourceOffset, reason, timestamp: timestampS, raw: rawBase64 });
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
  const milliseconds = timeMs % 1000;
  const seconds = `${(timeMs - milliseconds) / 1000}`;
  return milliseconds === 0 ? seconds : `${seconds}.${`${milliseconds}`.padStart(3, '0')}`.replace(/0+$/, '');
}
