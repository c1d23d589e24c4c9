import { describe, expect, it } from '@jest/globals';
import { addDecimals } from './exact-decimal';

describe('the sum of two decimals', () => {
  it.each([
    ['0', '0', '0'],
    ['0.1', '0.2', '0.3'],
    ['1', '-1.0', '0'],
    ['-0.25', '0.2', '-0.05'],
    ['10', '90', '100'],
    ['0.5', '0.5', '1'],
    ['-2.5', '-2.5', '-5'],
    [`${'9'.repeat(31)}.5`, `0.${'0'.repeat(29)}1`, `${'9'.repeat(31)}.5${'0'.repeat(28)}1`],
  ])('%s + %s = %s', (one, other, sum) => {
    expect(addDecimals(one, other)).toBe(sum);
    expect(addDecimals(other, one)).toBe(sum);
  });
});
