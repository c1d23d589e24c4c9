// Pulses made beforehand, so that publishing them costs the machine little.
//
// Guarantees: the same options give the same bytes; every batch comes with the exact sum of its amounts.

import { createSimRandom } from '@pulses/testing-sim';

/** Lines, each with its line feed. */
export interface PulseBatch {
  readonly payload: Buffer;
  readonly recordCount: number;
  /** The exact sum of the amounts, in millionths. */
  readonly micros: bigint;
}

export interface PulsePool {
  readonly batches: readonly PulseBatch[];
  /** The batches in order, starting again after the last. */
  at(index: number): PulseBatch;
  /** The exact sum of the first `count` batches in that order. */
  microsOfFirst(count: number): bigint;
}

export interface PulsePoolOptions {
  readonly tenants: number;
  /** Number of the first tenant; 1 when absent. */
  readonly firstTenant?: number;
  readonly skus: number;
  readonly batchCount: number;
  readonly batchPulses: number;
  /** Every (tenant, SKU) in turn, instead of random ones. */
  readonly isDense?: boolean;
  readonly seed?: number;
}

const UNITS = ['hours', 'GiB', 'requests', 'seconds'];
const AMOUNT_MICROS_MAX = 100_000_000;
const REVERSAL_ONE_IN = 100;

export function createPulsePool(options: PulsePoolOptions): PulsePool {
  const { tenants, firstTenant = 1, skus, batchCount, batchPulses, isDense = false, seed = 1 } = options;
  const random = createSimRandom(seed);
  const below = (bound: number): number => Math.floor(random.fraction() * bound);
  let made = 0;
  const batchOf = (): PulseBatch => {
    const lines: string[] = [];
    let micros = 0n;
    for (let index = 0; index < batchPulses; index += 1) {
      const [tenant, sku] = isDense ? [Math.floor(made / skus) % tenants, made % skus] : [below(tenants), below(skus)];
      const size = 1 + below(AMOUNT_MICROS_MAX);
      const drawn = below(REVERSAL_ONE_IN) === 0 ? -size : size;
      micros += BigInt(drawn);
      made += 1;
      lines.push(
        `{"tenant_id":"tenant-${firstTenant + tenant}","product_sku":"sku-${sku + 1}",` +
          `"used_ammount":${amountText(drawn)},"use_unity":"${UNITS[sku % UNITS.length] ?? ''}"}\n`,
      );
    }
    return { payload: Buffer.from(lines.join(''), 'latin1'), recordCount: batchPulses, micros };
  };
  const batches = Array.from({ length: batchCount }, batchOf);
  const microsOf = (some: readonly PulseBatch[]) => some.reduce((sum, { micros }) => sum + micros, 0n);
  const whole = microsOf(batches);
  return {
    batches,
    at: (index) => batches[index % batchCount] as PulseBatch,
    microsOfFirst: (count) =>
      whole * BigInt(Math.floor(count / batchCount)) + microsOf(batches.slice(0, count % batchCount)),
  };
}

/** An amount's text in millionths; it has at most six decimals. */
export function microsOf(text: string): bigint {
  const match = /^(-?)(\d+)(?:\.(\d{1,6}))?$/.exec(text);
  if (!match) throw new Error(`not an amount of millionths: ${text}`);
  const [, sign, whole = '', fraction = ''] = match;
  const size = BigInt(whole + fraction.padEnd(6, '0'));
  return sign === '-' ? -size : size;
}

function amountText(micros: number): string {
  const size = Math.abs(micros);
  const fraction = String(size % 1_000_000)
    .padStart(6, '0')
    .replace(/0+$/, '');
  return `${micros < 0 ? '-' : ''}${Math.floor(size / 1_000_000)}${fraction === '' ? '' : `.${fraction}`}`;
}
