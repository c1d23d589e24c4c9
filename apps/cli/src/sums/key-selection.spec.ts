import { describe, expect, it } from '@jest/globals';
import { KeySelection, type LabelsAskedFor } from './key-selection';

const LABELS = ['acmé', 'vm', 'h'] as const;

/** A key whose labels lie between other bytes. */
function isAllowed(selection: LabelsAskedFor, [tenant, sku, unit]: readonly [string, string, string] = LABELS) {
  const text = Buffer.from(`x${tenant}x${sku}x${unit}x`);
  const tenantEnd = 1 + Buffer.byteLength(tenant);
  const skuEnd = tenantEnd + 1 + Buffer.byteLength(sku);
  const unitEnd = skuEnd + 1 + Buffer.byteLength(unit);
  const ranges = { tenantStart: 1, tenantEnd, skuStart: tenantEnd + 1, skuEnd, unitStart: skuEnd + 1, unitEnd };
  return new KeySelection(selection).allows({ text, ...ranges });
}

describe('a selection of keys', () => {
  it.each<[LabelsAskedFor, boolean]>([
    [{}, true],
    [{ tenant: 'acmé' }, true],
    [{ tenant: 'acm' }, false],
    [{ tenant: 'acméx' }, false],
    [{ tenant: 'acmè' }, false],
    [{ sku: 'vm' }, true],
    [{ sku: 'vn' }, false],
    [{ unit: 'h' }, true],
    [{ unit: 'm' }, false],
    [{ unit: '' }, false],
    [{ tenant: 'acmé', sku: 'vm', unit: 'h' }, true],
    [{ tenant: 'acmé', sku: 'vm', unit: 'd' }, false],
  ])('%j allows acmé, vm, h: %j', (selection, allowed) => {
    expect(isAllowed(selection)).toBe(allowed);
  });
});
