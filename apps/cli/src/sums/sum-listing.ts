// How sums are listed.

import { groupedDigits, type Column, type Row } from '../listing';
import type { KeySum } from './sums';
import { visibleJson } from '../visible-text';

export const SUM_COLUMNS: readonly Column[] = [
  { title: 'tenant', align: 'left' },
  { title: 'SKU', align: 'left' },
  { title: 'unit', align: 'left' },
  { title: 'total', align: 'right' },
  { title: 'pulses', align: 'right' },
];

/** @param total plain decimal text */
export function sumRow({ tenantId, productSku, useUnit, pulseCount }: Omit<KeySum, 'amount'>, total: string): Row {
  const key = visibleJson({ tenant_id: tenantId, product_sku: productSku, use_unit: useUnit });
  return {
    cells: [tenantId, productSku, useUnit, total, groupedDigits(pulseCount)],
    // As text: the sum may have more digits than a JavaScript number holds.
    json: `${key.slice(0, -1)},"total_amount":${total},"pulse_count":${pulseCount}}`,
  };
}
