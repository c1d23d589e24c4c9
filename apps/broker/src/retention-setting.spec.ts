import { describe, expect, it } from '@jest/globals';
import { durationKind } from '@pulses/shared-settings';
import { retentionIntervalMs, retentionKind } from './retention-setting';

describe('limits of retention', () => {
  const { schema } = retentionKind(durationKind({ min: '1s', max: '3650d' }));
  const HOUR = 3_600_000;

  it('keep everything, or hold for all kinds of topics, or for those named', () => {
    expect(schema.parse('keep')).toEqual({});
    expect(schema.parse('2h')).toEqual({
      source: 2 * HOUR,
      grouped: 2 * HOUR,
      aggregated: 2 * HOUR,
      dead_letter: 2 * HOUR,
    });
    expect(schema.parse('source=1h,dead_letter=24h')).toEqual({ source: HOUR, dead_letter: 24 * HOUR });
  });

  it.each([
    '',
    '5',
    'source',
    'source=',
    '=1h',
    'topic=1h',
    'source=1h,',
    'source=1h,source=2h',
    'source=keep',
    '0s',
    '__proto__=1h',
  ])('are not %j', (text) => {
    expect(schema.safeParse(text).success).toBe(false);
  });

  it('are looked at each minute, or as often as the shortest age', () => {
    expect(retentionIntervalMs({})).toBe(60_000);
    expect(retentionIntervalMs({ source: HOUR, grouped: 24 * HOUR })).toBe(60_000);
    expect(retentionIntervalMs({ source: HOUR, dead_letter: 2_000 })).toBe(2_000);
  });
});
