// The minimum that a consumer on another message system does with pulses: parse, group by tenant, sum exactly.

import { randomUUID } from 'node:crypto';

const MICRO = 1_000_000;

export interface PeerGrouping {
  /** Adds a pulse. Returns its tenant and its grouped line. */
  take(line: string, source: string): { readonly tenant: string; readonly line: string };
  /** Over all keys, in millionths. */
  total(): { readonly pulses: number; readonly micros: number };
}

export function createPeerGrouping(): PeerGrouping {
  /** By tenant, SKU and unit; sums in millionths, which a double holds exactly up to 2^53. */
  const sums = new Map<string, { pulses: number; micros: number }>();
  return {
    take(line, source) {
      const { tenant_id, product_sku, used_ammount, use_unity } = JSON.parse(line) as Record<string, string> & {
        used_ammount: number;
      };
      const key = JSON.stringify([tenant_id, product_sku, use_unity]);
      let sum = sums.get(key);
      if (sum === undefined) {
        sum = { pulses: 0, micros: 0 };
        sums.set(key, sum);
      }
      sum.pulses += 1;
      sum.micros += Math.round(used_ammount * MICRO);
      const grouped = {
        object_id: randomUUID(),
        tenant_id,
        product_sku,
        use_unit: use_unity,
        used_amount: used_ammount,
        source,
      };
      return { tenant: tenant_id ?? '', line: JSON.stringify(grouped) };
    },
    total() {
      const all = [...sums.values()];
      return {
        pulses: all.reduce((sum, { pulses }) => sum + pulses, 0),
        micros: all.reduce((sum, { micros }) => sum + micros, 0),
      };
    },
  };
}
