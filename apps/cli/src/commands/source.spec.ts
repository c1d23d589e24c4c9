import { describe, expect, it } from '@jest/globals';
import { formatAmount } from '@pulses/shared-pulse-model';
import { SourceSummary } from './source';

const pulse = (tenant: string, sku: string, amount: string, unit = 'h') =>
  `{"tenant_id":"${tenant}","product_sku":"${sku}","used_ammount":${amount},"use_unity":"${unit}"}`;

const LINES = [
  pulse('acme', 'vm', '0.1'),
  'no pulse',
  pulse('a\\u00e9', 'vm', '"1e2"'),
  pulse('acme', 'vm', '0.2'),
  pulse('acme', 'vm', '-99999999999999999999.000000000000000000000000000001'),
  pulse('acme', 'db', '1', 'GB'),
];

/** Each batch has one line more than the one before. */
function summaryOf(selection = {}, keysMax?: number): SourceSummary {
  const summary = new SourceSummary(selection, keysMax);
  const add = (baseOffset: number, lines: readonly string[]) => {
    const payload = Buffer.from(lines.map((line) => `${line}\n`).join(''));
    summary.add({ baseOffset, recordCount: lines.length, timestampMs: 0, payload });
  };
  add(0, LINES.slice(0, 1));
  add(1, LINES.slice(1, 3));
  add(3, LINES.slice(3));
  return summary;
}

const rowsOf = (summary: SourceSummary) =>
  summary.sums
    .sorted()
    .map((sum) => [sum.tenantId, sum.productSku, sum.useUnit, formatAmount(sum.amount), sum.pulseCount]);

const DB = ['acme', 'db', 'GB', '1', 1];
const VM = ['acme', 'vm', 'h', '-99999999999999999998.700000000000000000000000000001', 3];
const ACCENTED = ['a\u00e9', 'vm', 'h', '100', 1];

describe('the summary of a source', () => {
  it('has an exact sum and a count for each key, and counts what is invalid', () => {
    const summary = summaryOf();
    expect(rowsOf(summary)).toEqual([DB, VM, ACCENTED]);
    expect([summary.messages, summary.invalid]).toEqual([6, 1]);
  });

  it('has only the pulses of a tenant or SKU that were asked for', () => {
    expect(rowsOf(summaryOf({ tenant: 'acme' }))).toEqual([DB, VM]);
    expect(rowsOf(summaryOf({ sku: 'vm' }))).toEqual([VM, ACCENTED]);
    expect(rowsOf(summaryOf({ tenant: 'a\u00e9', sku: 'db' }))).toEqual([]);
  });

  it('has a bounded number of keys', () => {
    expect(() => summaryOf({}, 2)).toThrow(/^--tenant: there are more than 2 keys/);
    expect(rowsOf(summaryOf({ tenant: 'acme' }, 2))).toHaveLength(2);
  });
});
