// How many pulses a second does one core read, or read and write as grouped lines, compared with JSON.parse?

import { createSimRandom } from '@pulses/testing-sim';
import { cpus } from 'node:os';
import {
  addAmountAt,
  createAmount,
  createGroupedIds,
  createKeyFields,
  createPulseReader,
  formatAmount,
  GROUPED_LINE_OVERHEAD_BYTES,
  writeGroupedLine,
} from '../src';

const isSmoke = process.env['SMOKE'] === '1';
const SEED = Number(process.env['SEED'] ?? 1);
const LINES = isSmoke ? 5_000 : 250_000;
const ROUNDS = isSmoke ? 1 : 5;
const TENANTS = 1_000;
const SKUS = 50;
const LINE_BYTES = 156;

interface Lines {
  readonly bytes: Buffer;
  /** End of each line, before its line feed. */
  readonly ends: Int32Array;
  /** The exact sum of the amounts, as text. */
  readonly sum: string;
}

function makeLines(shape: (tenant: string, sku: string, amount: string, index: number) => string): Lines {
  const random = createSimRandom(SEED).fraction;
  const ends = new Int32Array(LINES);
  const parts: string[] = [];
  let position = 0;
  let micros = 0n;
  for (let index = 0; index < LINES; index += 1) {
    const tenant = `tenant-${String(Math.floor(random() * TENANTS)).padStart(4, '0')}`;
    const sku = `sku-${String(Math.floor(random() * SKUS)).padStart(3, '0')}`;
    const units = Math.floor(random() * 1_000_000_000);
    micros += BigInt(units);
    const amount = `${Math.floor(units / 1_000_000)}.${String(units % 1_000_000).padStart(6, '0')}`;
    const line = `${shape(tenant, sku, amount, index)}\n`;
    parts.push(line);
    position += Buffer.byteLength(line);
    ends[index] = position - 1;
  }
  const digits = micros.toString().padStart(7, '0');
  const sum = `${digits.slice(0, -6)}.${digits.slice(-6)}`.replace(/\.?0+$/, '');
  return { bytes: Buffer.from(parts.join('')), ends, sum };
}

const known = (tenant: string, sku: string, amount: string, index: number): string => {
  const line = `{"tenant_id":"${tenant}","product_sku":"${sku}","used_ammount":${amount},"use_unity":"gibibyte-hour","timestamp":1700000000.125,"pulse_id":"`;
  return `${line}${String(index).padStart(LINE_BYTES - line.length - 3, '0')}"}`;
};
const extra = (tenant: string, sku: string, amount: string, index: number): string =>
  known(tenant, sku, amount, index).replace('"timestamp":1700000000.125', '"region":"eu-central-1"');
const foreign = (tenant: string, sku: string, amount: string, index: number): string =>
  known(tenant, sku, amount, index).replace('gibibyte-hour', 'Gigabyte·Stunde').replace('tenant-', 'ténant');

/** Best of the rounds, in lines a second. */
function rateOf(run: () => void): number {
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round += 1) {
    const start = performance.now();
    run();
    best = Math.min(best, performance.now() - start);
  }
  return Math.round(LINES / (best / 1000));
}

function check(actual: unknown, expected: unknown, what: string): void {
  if (actual !== expected)
    throw new Error(`${what} is ${String(actual)}; it should be ${String(expected)} (seed ${SEED})`);
}

function readRate({ bytes, ends, sum }: Lines): number {
  const reader = createPulseReader();
  return rateOf(() => {
    const total = createAmount();
    let count = 0;
    let start = 0;
    for (let index = 0; index < LINES; index += 1) {
      const end = ends[index] as number;
      if (reader.read(bytes, start, end)) {
        addAmountAt(total, 0, reader.amount, 0);
        count += 1;
      }
      start = end + 1;
    }
    check(count, LINES, 'the count of pulses');
    check(formatAmount(total), sum, 'the sum');
  });
}

function parseRate({ bytes, ends }: Lines): number {
  return rateOf(() => {
    let count = 0;
    let start = 0;
    for (let index = 0; index < LINES; index += 1) {
      const end = ends[index] as number;
      const pulse = JSON.parse(bytes.toString('utf8', start, end)) as { tenant_id?: string };
      if (pulse.tenant_id !== undefined) count += 1;
      start = end + 1;
    }
    check(count, LINES, 'the count of objects');
  });
}

function groupRate({ bytes, ends, sum }: Lines): number {
  const reader = createPulseReader();
  const ids = createGroupedIds({ topic: 'source.pulses', incarnation: '000102030405060708090a0b0c0d0e0f' });
  reader.read(bytes, 0, ends[0] as number);
  const { text, tenantStart, tenantEnd, skuStart, skuEnd, unitStart, unitEnd } = reader;
  // One key for all: looking keys up is another bench's question.
  const keyFields = createKeyFields();
  keyFields.add(text, tenantStart, tenantEnd, skuStart, skuEnd, unitStart, unitEnd);
  const out = new Uint8Array(1024 * 1024);
  const roomMax = out.byteLength - GROUPED_LINE_OVERHEAD_BYTES - keyFields.lengthOf(0);
  return rateOf(() => {
    const total = createAmount();
    let position = 0;
    let written = 0;
    let start = 0;
    for (let index = 0; index < LINES; index += 1) {
      const end = ends[index] as number;
      if (reader.read(bytes, start, end)) {
        addAmountAt(total, 0, reader.amount, 0);
        if (position > roomMax) position = 0;
        const from = position;
        position = writeGroupedLine(
          out,
          position,
          ids,
          1_000_000 + index,
          keyFields,
          0,
          reader.amount,
          0,
          1_700_000_000,
        );
        written += position - from;
      }
      start = end + 1;
    }
    check(formatAmount(total), sum, 'the sum');
    check(written > LINES * 200, true, 'the size of the output');
  });
}

const lines = makeLines(known);
const parse = parseRate(lines);
const read = readRate(lines);
const group = groupRate(lines);
const read_extra = readRate(makeLines(extra));
const read_foreign = readRate(makeLines(foreign));
const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node}`;
console.log(
  JSON.stringify({
    bench: 'codec',
    parse,
    read,
    group,
    read_extra,
    read_foreign,
    read_of_parse: read / parse,
    LINES,
    machine,
    smoke: isSmoke,
  }),
);
