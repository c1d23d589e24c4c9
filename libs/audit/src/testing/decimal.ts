// Decimal numbers as BigInt, for comparison: units of 10^-30.

const SCALE = 30;

export function unitsOf(text: string): bigint {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (match === null) throw new TypeError(`not a number: ${text}`);
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const units = BigInt(whole + fraction) * 10n ** BigInt(SCALE + Number(exponent) - fraction.length);
  return sign === '-' ? -units : units;
}

/** Plain decimal notation without trailing zeros. */
export function textOf(units: bigint): string {
  const digits = (units < 0n ? -units : units).toString().padStart(SCALE + 1, '0');
  const fraction = digits.slice(-SCALE).replace(/0+$/, '');
  return `${units < 0n ? '-' : ''}${digits.slice(0, -SCALE)}${fraction === '' ? '' : `.${fraction}`}`;
}

/** The limbs of an amount, most significant first: 10^15, 1, 10^-15, 10^-30. */
export function limbsOf(units: bigint): Float64Array {
  const base = 10n ** 15n;
  const limbs = [units / base ** 3n, (units / base ** 2n) % base, (units / base) % base, units % base];
  return Float64Array.from(limbs, Number);
}
