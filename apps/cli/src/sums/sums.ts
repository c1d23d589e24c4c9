// Exact sums by (tenant, SKU, unit).
//
// Bounds: `keysMax` keys and 1 GiB of their text; a key takes some sixty bytes besides it.

import { createKeyTable, type KeyTable } from '@pulses/aggregation-api';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import type { Random } from '@pulses/shared-ports';
import { addAmountAt, AMOUNT_LIMBS, type Amount } from '@pulses/shared-pulse-model';

export interface KeySum {
  readonly tenantId: string;
  readonly productSku: string;
  readonly useUnit: string;
  readonly amount: Amount;
  readonly pulseCount: number;
}

/** A key as ranges of UTF-8 text. */
export interface KeyText {
  readonly text: Uint8Array;
  readonly tenantStart: number;
  readonly tenantEnd: number;
  readonly skuStart: number;
  readonly skuEnd: number;
  readonly unitStart: number;
  readonly unitEnd: number;
}

const KEYS_AT_FIRST = 1024;
const LABELS = 3;

export class Sums {
  readonly #keysMax: number;
  readonly #keys: KeyTable;
  /** AMOUNT_LIMBS for each key, by id. */
  #amounts = new Float64Array(KEYS_AT_FIRST * AMOUNT_LIMBS);
  #counts = new Float64Array(KEYS_AT_FIRST);

  /** @param keysMax up to 2^22 */
  constructor({ keysMax, random }: { readonly keysMax: number; readonly random: Random }) {
    this.#keysMax = keysMax;
    const seed = Buffer.from(random.bytes(8));
    this.#keys = createKeyTable({ keysMax, hashSeed: [seed.readInt32LE(0), seed.readInt32LE(4)] });
  }

  /** @throws PulsesError CONFIG_INVALID when there are too many keys */
  add(key: KeyText, amount: Amount): void {
    const id = this.#idOf(key);
    if (id === this.#counts.length) this.#grow();
    addAmountAt(this.#amounts, id * AMOUNT_LIMBS, amount, 0);
    this.#counts[id] = (this.#counts[id] as number) + 1;
  }

  /** By tenant, then SKU, then unit, in the order of their UTF-16 units. */
  sorted(): KeySum[] {
    return Array.from({ length: this.#keys.size }, (_, id) => this.#sumOf(id)).sort(
      (a, b) => order(a.tenantId, b.tenantId) || order(a.productSku, b.productSku) || order(a.useUnit, b.useUnit),
    );
  }

  #idOf({ text, tenantStart, tenantEnd, skuStart, skuEnd, unitStart, unitEnd }: KeyText): number {
    try {
      return this.#keys.idOf(text, tenantStart, tenantEnd, skuStart, skuEnd, unitStart, unitEnd);
    } catch (error) {
      if (!isPulsesError(error, 'WINDOW_FULL')) throw error;
      throw new PulsesError(
        'CONFIG_INVALID',
        `--tenant: there are more than ${this.#keysMax} keys (tenant, SKU, unit), or than 1 GiB of them; allowed: a tenant, or --sku`,
        { cause: error },
      );
    }
  }

  #grow(): void {
    const [amounts, counts] = [this.#amounts, this.#counts];
    this.#amounts = new Float64Array(2 * amounts.length);
    this.#amounts.set(amounts);
    this.#counts = new Float64Array(2 * counts.length);
    this.#counts.set(counts);
  }

  #sumOf(id: number): KeySum {
    const labels = labelsOf(this.#keys.bytesOf(id));
    const [tenantId, productSku, useUnit] = labels as [string, string, string];
    const amount = this.#amounts.subarray(id * AMOUNT_LIMBS, (id + 1) * AMOUNT_LIMBS);
    return { tenantId, productSku, useUnit, amount, pulseCount: this.#counts[id] as number };
  }
}

/** The labels of a key's bytes; see KeyList. */
function labelsOf({ buffer, byteOffset, byteLength }: Uint8Array): string[] {
  const bytes = Buffer.from(buffer, byteOffset, byteLength);
  let at = 0;
  return Array.from({ length: LABELS }, () => {
    const start = at + 2;
    at = start + bytes.readUInt16LE(at);
    return bytes.toString('utf8', start, at);
  });
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
