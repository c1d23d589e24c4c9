// What the outputs must be, worked out the slow and obvious way: JSON.parse and BigInt, no code of Pulses.

const SCALE = 30;

/** The exact value of a JSON number's text, times 10^30. */
export function exactUnits(text: string): bigint {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (!match) throw new Error(`not a number: ${text}`);
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const shift = SCALE + Number(exponent) - fraction.length;
  const digits = BigInt(whole + fraction);
  const units = shift >= 0 ? digits * 10n ** BigInt(shift) : digits / 10n ** BigInt(-shift);
  return sign === '-' ? -units : units;
}

/** The text of a number under a key of a JSON line, digit by digit. */
export function numberText(line: string, key: string): string {
  const match = new RegExp(`"${key}":\\s*"?(-?[0-9.eE+-]+)"?`).exec(line);
  if (!match?.[1]) throw new Error(`no number under ${key} in ${line}`);
  return match[1];
}

export interface Pulse {
  readonly tenant: string;
  readonly sku: string;
  readonly unit: string;
  readonly amount: string;
}

export const pulseLine = ({ tenant, sku, unit, amount }: Pulse): string =>
  `{"tenant_id":${JSON.stringify(tenant)},"product_sku":${JSON.stringify(sku)},` +
  `"used_ammount":${amount},"use_unity":${JSON.stringify(unit)}}`;

/** Exact sums by tenant, SKU and unit, as a map from the three (joined as JSON) to units of 10^-30. */
export function sumsOf(pulses: readonly Pulse[]): Map<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const { tenant, sku, unit, amount } of pulses) {
    const key = JSON.stringify([tenant, sku, unit]);
    sums.set(key, (sums.get(key) ?? 0n) + exactUnits(amount));
  }
  return sums;
}

/** The same from grouped (`used_amount`) or aggregated (`total_amount`) lines. */
export function sumsOfLines(lines: readonly string[], amountKey: 'used_amount' | 'total_amount'): Map<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const line of lines) {
    const { tenant_id, product_sku, use_unit } = JSON.parse(line) as Record<string, string>;
    const key = JSON.stringify([tenant_id, product_sku, use_unit]);
    sums.set(key, (sums.get(key) ?? 0n) + exactUnits(numberText(line, amountKey)));
  }
  return sums;
}
