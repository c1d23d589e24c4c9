import { describe, expect, it } from '@jest/globals';
import { timeKind } from './time-kind';

describe('a point in time', () => {
  it.each([
    ['1700000000', 1_700_000_000],
    ['1700000000.25', 1_700_000_000.25],
    ['2023-11-14T22:13:20Z', 1_700_000_000],
    ['2023-11-14T23:13:20.500+01:00', 1_700_000_000.5],
    ['2023-11-14', 1_699_920_000],
    ['0', 0],
    ['20260301.0', 20_260_301],
    ['20261301', 20_261_301],
  ])('may be %s', (text, seconds) => {
    expect(timeKind.schema.parse(text)).toBe(seconds);
  });

  it.each([
    '',
    'now',
    '-1',
    '1e9',
    '2023-11-14T22:13:20',
    '2023-13-01',
    '14.11.2023',
    '2026',
    '202603',
    '20260301',
    '202603011200',
    '20260301120000',
  ])("may not be '%s'", (text) => {
    expect(timeKind.schema.safeParse(text).success).toBe(false);
  });
});
