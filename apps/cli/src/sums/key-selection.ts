// Which pulses a command was asked for, by their labels.

import type { KeyText } from './sums';

/** An absent label allows every one. */
export interface LabelsAskedFor {
  readonly tenant?: string | undefined;
  readonly sku?: string | undefined;
  readonly unit?: string | undefined;
}

export class KeySelection {
  readonly #tenant: Uint8Array | undefined;
  readonly #sku: Uint8Array | undefined;
  readonly #unit: Uint8Array | undefined;

  constructor({ tenant, sku, unit }: LabelsAskedFor) {
    [this.#tenant, this.#sku, this.#unit] = [tenant, sku, unit].map((label) =>
      label === undefined ? undefined : Buffer.from(label),
    );
  }

  allows({ text, tenantStart, tenantEnd, skuStart, skuEnd, unitStart, unitEnd }: KeyText): boolean {
    return (
      isLabel(this.#tenant, text, tenantStart, tenantEnd) &&
      isLabel(this.#sku, text, skuStart, skuEnd) &&
      isLabel(this.#unit, text, unitStart, unitEnd)
    );
  }
}

function isLabel(label: Uint8Array | undefined, text: Uint8Array, start: number, end: number): boolean {
  if (label === undefined) return true;
  if (label.length !== end - start) return false;
  for (let index = 0; index < label.length; index += 1) if (label[index] !== text[start + index]) return false;
  return true;
}
