// Sums of numbers in plain decimal notation, of any length.

/** The exact sum, without trailing zeros. @param one and `other` like `-12.5`, without an exponent */
export function addDecimals(one: string, other: string): string {
  const digits = Math.max(fractionOf(one).length, fractionOf(other).length);
  const sum = unitsOf(one, digits) + unitsOf(other, digits);
  const text = (sum < 0n ? -sum : sum).toString().padStart(digits + 1, '0');
  const fraction = text.slice(text.length - digits).replace(/0+$/, '');
  return `${sum < 0n ? '-' : ''}${text.slice(0, text.length - digits)}${fraction === '' ? '' : `.${fraction}`}`;
}

function fractionOf(text: string): string {
  return text.split('.')[1] ?? '';
}

/** In units of 10^-digits. */
function unitsOf(text: string, digits: number): bigint {
  return BigInt(text.replace('.', '') + '0'.repeat(digits - fractionOf(text).length));
}
