// The sums of the open window, from the engine's columns to text.

import type { AggregationEngine } from '@pulses/aggregation-api';
import { AMOUNT_LIMBS, formatAmount } from '@pulses/shared-pulse-model';
import { LIVE_SUMS_MAX, type LiveSum, type LiveWindow } from './live-window';
import type { OpenWindow } from './open-window';

/** Call it when everything read is in the engine; add nothing until it resolves. */
export async function readLiveWindow(
  engine: AggregationEngine,
  window: OpenWindow,
  tenantId: string | undefined,
  sumsMax: number,
): Promise<LiveWindow> {
  const sums: LiveSum[] = [];
  let isCut = false;
  const keyCount = window.keys.size;
  for (let fromId = 0; fromId < keyCount && !isCut; fromId += sumsMax) {
    const slice = await engine.sums(window.startMs, fromId, Math.min(keyCount, fromId + sumsMax));
    for (let id = slice.fromId; id < slice.toId && !isCut; id += 1) {
      const [tenant, sku, unit] = labelsOf(window.keys.bytesOf(id));
      if (tenantId !== undefined && tenant !== tenantId) continue;
      if (sums.length === LIVE_SUMS_MAX) isCut = true;
      else {
        const row = id - slice.fromId;
        const total = formatAmount(slice.limbs, row * AMOUNT_LIMBS);
        sums.push({ tenantId: tenant, productSku: sku, useUnit: unit, total, pulseCount: slice.counts[row] as number });
      }
    }
  }
  return { windowStartMs: window.startMs, windowMs: window.windowMs, nextOffset: window.nextOffset, sums, isCut };
}

/** A key's three labels; see `KeyTable.bytesOf`. */
function labelsOf(key: Uint8Array): [tenant: string, sku: string, unit: string] {
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  const labels: string[] = [];
  for (let at = 0; at < bytes.byteLength;) {
    const end = at + 2 + bytes.readUInt16LE(at);
    labels.push(bytes.toString('utf8', at + 2, end));
    at = end;
  }
  const [tenant = '', sku = '', unit = ''] = labels;
  return [tenant, sku, unit];
}
