// Exact sums by (tenant, SKU, unit).

import { addAmountAt, createAmount, type Amount } from '@pulses/shared-pulse-model';

export interface KeySum {
  readonly tenantId: string;
  readonly productSku: string;
  readonly useUnit: string;
  readonly amount: Amount;
  pulseCount: number;
}

export interface Sums {
  /** Keys with a sum. */
  readonly size: number;
  add(tenantId: string, productSku: string, useUnit: string, amount: Amount): void;
  /** By tenant, then SKU, then unit, in the order of their UTF-16 units. */
  sorted(): KeySum[];
}

export function createSums(): Sums {
  const byKey = new Map<string, KeySum>();
  return {
    get size() {
      return byKey.size;
    },
    add(tenantId, productSku, useUnit, amount) {
      const key = JSON.stringify([tenantId, productSku, useUnit]);
      let sum = byKey.get(key);
      if (sum === undefined) {
        sum = { tenantId, productSku, useUnit, amount: createAmount(), pulseCount: 0 };
        byKey.set(key, sum);
      }
      addAmountAt(sum.amount, 0, amount, 0);
      sum.pulseCount += 1;
    },
    sorted: () =>
      [...byKey.values()].sort(
        (a, b) => order(a.tenantId, b.tenantId) || order(a.productSku, b.productSku) || order(a.useUnit, b.useUnit),
      ),
  };
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
