// The outputs that a source log must have, by JSON.parse and BigInt with one object for each pulse. Shares no code with the
// pipeline. Amounts must be strings, so that JSON.parse reads them exactly.

import type { LoggedMessage } from './logged-message';

/** Lines by topic, without what is hashed or written for people: ids and details. */
export type OutputLines = Record<string, string[]>;

export interface ExpectedOptions {
  readonly sourceTopic: string;
  readonly windowMs: number;
  /** Number of the partition; undefined for a source that has none. */
  readonly partition?: number | undefined;
  /** The log's clock: windows that end later have no sums yet. */
  readonly clockMs: number;
}

interface Pulse {
  readonly tenant_id: string;
  readonly product_sku: string;
  readonly use_unity: string;
  readonly used_ammount: string;
}

interface Sum {
  readonly pulse: Pulse;
  units: bigint;
  count: number;
  readonly firstMs: number;
  lastMs: number;
}

const FRACTION_DIGITS = 30;

export function expectedOutputs(
  messages: readonly LoggedMessage[],
  { sourceTopic, windowMs, partition, clockMs }: ExpectedOptions,
): OutputLines {
  const lines: OutputLines = {};
  const lineEnd = partition === undefined ? '}' : `,"source_partition":${partition}}`;
  const sourceText = JSON.stringify({ topic: sourceTopic, ...(partition === undefined ? {} : { partition }) });
  const put = (topic: string, line: string) => (lines[topic] ??= []).push(line);
  const windows = new Map<number, LoggedMessage[]>();
  for (const message of messages) {
    const { offset, timestampMs, bytes } = message;
    const pulse = readPulse(bytes);
    if (typeof pulse === 'string')
      put(
        `${sourceTopic}.dead-letter`,
        `{"source_offset":${offset},"reason":"${pulse}","raw":"${Buffer.from(bytes).toString('base64')}","timestamp":${Math.floor(timestampMs / 1000)}${lineEnd}`,
      );
    else
      put(
        `tenants.${encoded(pulse.tenant_id)}.grouped.pulses`,
        `{${fieldsOf(pulse)},"used_amount":${amountText(unitsOf(pulse.used_ammount))},"timestamp":${Math.floor(timestampMs / 1000)},"source_offset":${offset}${lineEnd}`,
      );
    const startMs = timestampMs - (timestampMs % windowMs);
    windows.set(startMs, [...(windows.get(startMs) ?? []), message]);
  }
  for (const [startMs, read] of windows)
    if (startMs + windowMs <= clockMs)
      for (const sum of sumsOf(read))
        put(
          `tenants.${encoded(sum.pulse.tenant_id)}.aggregated.pulses.amount`,
          aggregatedLine(sum, startMs, windowMs, sourceText, read[0]?.offset ?? NaN, read.at(-1)?.offset ?? NaN),
        );
  return lines;
}

/** Stored topics in the same shape. */
export function outputLines(topics: ReadonlyMap<string, string>): OutputLines {
  const lines: OutputLines = {};
  for (const [topic, text] of topics)
    lines[topic] = text
      .split('\n')
      .slice(0, -1)
      .map((line) => line.replace(/"object_id":"[0-9a-f-]{36}",/, '').replace(/"detail":"(?:[^"\\]|\\.)*",/, ''));
  return lines;
}

function sumsOf(read: readonly LoggedMessage[]): Iterable<Sum> {
  const sums = new Map<string, Sum>();
  for (const { bytes, timestampMs } of read) {
    const pulse = readPulse(bytes);
    if (typeof pulse === 'string') continue;
    const units = unitsOf(pulse.used_ammount);
    const sum = sums.get(fieldsOf(pulse));
    if (sum === undefined)
      sums.set(fieldsOf(pulse), { pulse, units, count: 1, firstMs: timestampMs, lastMs: timestampMs });
    else {
      sum.units += units;
      sum.count += 1;
      sum.lastMs = timestampMs;
    }
  }
  return sums.values();
}

function aggregatedLine(sum: Sum, startMs: number, windowMs: number, source: string, from: number, to: number): string {
  const end = secondsText(startMs + windowMs);
  return (
    `{${fieldsOf(sum.pulse)},"total_amount":${amountText(sum.units)},"window":"${windowMs / 1000}s","timestamp":${end},` +
    `"window_start":${secondsText(startMs)},"window_end":${end},"pulse_count":${sum.count},` +
    `"first_seen":${secondsText(sum.firstMs)},"last_seen":${secondsText(sum.lastMs)},` +
    `"source":${source.slice(0, -1)},"from_offset":${from},"to_offset":${to}}}`
  );
}

/** The pulse, or why it is none. */
function readPulse(bytes: Uint8Array): Pulse | string {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return 'not_json';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'not_object';
  const pulse = value as Pulse;
  for (const key of ['tenant_id', 'product_sku', 'use_unity', 'used_ammount'] as const) {
    if (!(key in pulse)) return 'missing_key';
    if (typeof pulse[key] !== 'string') return 'wrong_type';
  }
  return pulse;
}

function fieldsOf({ tenant_id, product_sku, use_unity }: Pulse): string {
  return JSON.stringify({ tenant_id, product_sku, use_unit: use_unity }).slice(1, -1);
}

function unitsOf(amount: string): bigint {
  const [whole = '', fraction = ''] = amount.split('.');
  return BigInt(whole.replace('-', '') + fraction.padEnd(FRACTION_DIGITS, '0')) * (amount.startsWith('-') ? -1n : 1n);
}

function amountText(units: bigint): string {
  const digits = String(units < 0n ? -units : units).padStart(FRACTION_DIGITS + 1, '0');
  const fraction = digits.slice(-FRACTION_DIGITS).replace(/0+$/, '');
  return `${units < 0n ? '-' : ''}${digits.slice(0, -FRACTION_DIGITS)}${fraction === '' ? '' : `.${fraction}`}`;
}

/** As decimal text by JSON's own rules, which are exact for three decimals. */
function secondsText(timeMs: number): string {
  return JSON.stringify(timeMs / 1000);
}

function encoded(tenant: string): string {
  return [...Buffer.from(tenant)]
    .map((byte) =>
      /[A-Za-z0-9_-]/.test(String.fromCharCode(byte))
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase()}`,
    )
    .join('');
}
