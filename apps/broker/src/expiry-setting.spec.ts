import { describe, expect, it } from '@jest/globals';
import { durationKind } from '@pulses/shared-settings';
import { expiryKind } from './expiry-setting';

describe('an expiry', () => {
  const { schema } = expiryKind(durationKind({ min: '1s', max: '3650d' }));

  it.each([
    ['7d', 7 * 86_400_000],
    ['1s', 1_000],
    ['off', 'off'],
    ['0', 'off'],
  ])('is read from %s', (text, value) => {
    expect(schema.parse(text)).toBe(value);
  });

  it.each(['', 'never', '7', '0s', '1ms', 'OFF', '4000d'])('is not %j', (text) => {
    expect(schema.safeParse(text).success).toBe(false);
  });
});
