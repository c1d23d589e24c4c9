// The synthetic pulses: who used what and how much. A pure function of its options.

import { addAmountAt, createAmount, writeInteger, type Amount } from '@pulses/shared-pulse-model';
import { createSeededRandom, type SeededRandom } from './seeded-random';

export interface LoadOptions {
  readonly tenants: number;
  readonly skus: number;
  readonly seed: number;
  /** Zipf exponent of the tenants. */
  readonly skew: number;
}

/** Pulses as a payload: lines, each ended by a line feed. */
export interface PulseBatch {
  readonly payload: Uint8Array;
  readonly recordCount: number;
  /** The exact sum of the amounts. */
  readonly amount: Amount;
}

export interface LoadModel {
  /** The next `count` pulses, in a buffer of their own. */
  next(count: number): PulseBatch;
}

const UNITS = ['hours', 'GiB', 'requests', 'seconds'];
/** Amounts have up to six decimals; one in a hundred is a reversal. */
const DECIMALS = 6;
const MICRO = 10 ** DECIMALS;
const AMOUNT_MICROS_MAX = 100 * MICRO;
const REVERSAL_ONE_IN = 100;
const AMOUNT_BYTES_MAX = 12;

export function createLoadModel({ tenants, skus, seed, skew }: LoadOptions): LoadModel {
  const random = createSeededRandom(seed);
  const drawTenant = tenantDraw(tenants, skew, random);
  const tenantParts = Array.from({ length: tenants }, (_, index) =>
    ascii(`{"tenant_id":"tenant-${index + 1}","product_sku":"`),
  );
  const skuParts = Array.from({ length: skus }, (_, index) => ascii(`sku-${index + 1}","used_ammount":`));
  const unitParts = UNITS.map((unit) => ascii(`,"use_unity":"${unit}"}\n`));
  const lineBytesMax = longest(tenantParts) + longest(skuParts) + AMOUNT_BYTES_MAX + longest(unitParts);

  return {
    next(count) {
      const out = Buffer.allocUnsafe(count * lineBytesMax);
      const amount = createAmount();
      let position = 0;
      let micros = 0;
      for (let index = 0; index < count; index += 1) {
        const sku = random.below(skus);
        position = append(tenantParts[drawTenant()] as Buffer, out, position);
        position = append(skuParts[sku] as Buffer, out, position);
        const size = 1 + random.below(AMOUNT_MICROS_MAX);
        const drawn = random.below(REVERSAL_ONE_IN) === 0 ? -size : size;
        micros += drawn;
        position = writeMicros(drawn, out, position);
        position = append(unitParts[sku % UNITS.length] as Buffer, out, position);
      }
      addMicros(amount, micros);
      return { payload: out.subarray(0, position), recordCount: count, amount };
    },
  };
}

/** Draws tenant indexes: evenly, or with weights 1 / rank^skew. */
function tenantDraw(tenants: number, skew: number, random: SeededRandom): () => number {
  if (skew === 0) return () => random.below(tenants);
  const cumulative = new Float64Array(tenants);
  let total = 0;
  for (let index = 0; index < tenants; index += 1) cumulative[index] = total += (index + 1) ** -skew;
  return () => {
    const target = random.fraction() * total;
    let [low, high] = [0, tenants - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((cumulative[middle] as number) <= target) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

function ascii(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

function longest(parts: readonly Buffer[]): number {
  return parts.reduce((bytes, part) => Math.max(bytes, part.byteLength), 0);
}

function append(part: Buffer, out: Buffer, position: number): number {
  for (let index = 0; index < part.length; index += 1) out[position + index] = part[index] as number;
  return position + part.length;
}

/** Writes millionths as a decimal number without trailing zeros. */
function writeMicros(micros: number, out: Buffer, position: number): number {
  let at = position;
  if (micros < 0) out[at++] = 45;
  const size = Math.abs(micros);
  const whole = Math.floor(size / MICRO);
  at = writeInteger(whole, out, at);
  let rest = size - whole * MICRO;
  if (rest === 0) return at;
  out[at++] = 46;
  for (let digit = MICRO / 10; rest > 0; digit /= 10) {
    const value = Math.floor(rest / digit);
    out[at++] = 48 + value;
    rest -= value * digit;
  }
  return at;
}

/** Adds millionths (below 2^53 in size) to an amount. */
function addMicros(amount: Amount, micros: number): void {
  const whole = Math.trunc(micros / MICRO);
  // 10^-6 is 10^9 of the units behind the point.
  addAmountAt(amount, 0, Float64Array.of(0, whole, (micros - whole * MICRO) * 1e9, 0), 0);
}
