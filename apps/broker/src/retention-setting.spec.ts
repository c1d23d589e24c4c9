import { describe, expect, it } from '@jest/globals';
import { durationKind } from '@pulses/shared-settings';
import { checkRetentionBytes, retentionIntervalMs, retentionKind, segmentAgeMs } from './retention-setting';

describe('limits of retention', () => {
  const { schema } = retentionKind(durationKind({ min: '1s', max: '3650d' }));
  const HOUR = 3_600_000;
  const MIB = 1024 * 1024;

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

  it('are looked at often, and segments are left in time, so that an age is exceeded by a minute or a sixtieth', () => {
    expect([retentionIntervalMs({}), segmentAgeMs({})]).toEqual([15_000, HOUR]);
    expect(retentionIntervalMs({ source: HOUR, dead_letter: 2_000 })).toBe(2_000);
    for (const ageMs of [1_000, 5_000, 60_000, 20 * 60_000, HOUR, 24 * HOUR, 90 * 24 * HOUR]) {
      const ages = { source: ageMs, grouped: 100 * 24 * HOUR };
      const excessMs = segmentAgeMs(ages) + 2 * retentionIntervalMs(ages);
      expect(excessMs).toBeLessThanOrEqual(Math.max(60_000, ageMs / 60 + 30_000));
      // So few files that a directory can hold them.
      expect(ageMs / segmentAgeMs(ages)).toBeLessThanOrEqual(24 * 90);
    }
  });

  it('of length are refused below a segment, with what is allowed', () => {
    checkRetentionBytes({}, 64 * MIB);
    checkRetentionBytes({ source: 64 * MIB, grouped: 65 * MIB }, 64 * MIB);
    expect(() => {
      checkRetentionBytes({ source: 64 * MIB, grouped: MIB }, 64 * MIB);
    }).toThrow(
      /^--retention-bytes: '1MiB' is not valid: allowed are keep, and lengths from --segment-bytes on, .* 64MiB/,
    );
  });
});
