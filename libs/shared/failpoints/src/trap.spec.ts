import { describe, expect, it } from '@jest/globals';
import { failpoint } from './failpoint';
import { BROKER_FAILPOINTS, INGESTOR_FAILPOINTS, type Failpoint } from './failpoint-names';
import { createTrap } from './trap';

function sprung(setting: string | undefined, hits: readonly Failpoint[]): Failpoint[] {
  const names: Failpoint[] = [];
  const trap = createTrap(setting, (name) => names.push(name));
  hits.forEach(trap);
  return names;
}

describe('a failpoint', () => {
  it('triggers at its n-th hit and at no other failpoint', () => {
    expect(
      sprung('journal.after-write:2', ['journal.after-write', 'journal.after-sync', 'journal.after-sync']),
    ).toEqual([]);
    expect(
      sprung('journal.after-write:2', ['journal.after-write', 'journal.after-sync', 'journal.after-write']),
    ).toEqual(['journal.after-write']);
  });

  it('triggers once, at the first hit unless a count is given', () => {
    expect(sprung('head.before-send', ['head.before-send', 'head.before-send'])).toEqual(['head.before-send']);
  });

  it('does nothing when not armed or outside of a test build', () => {
    expect(sprung(undefined, [...BROKER_FAILPOINTS, ...INGESTOR_FAILPOINTS])).toEqual([]);
    process.env['PULSES_FAILPOINT'] = 'head.before-send';
    failpoint('head.before-send');
    delete process.env['PULSES_FAILPOINT'];
  });

  it.each(['', 'nowhere', 'head.before-send:', 'head.before-send:0', 'head.before-send:1.5', 'head.before-send:x'])(
    'rejects the setting %j',
    (setting) => {
      expect(() => createTrap(setting, () => undefined)).toThrow(TypeError);
    },
  );

  it('has a unique name', () => {
    const names = [...BROKER_FAILPOINTS, ...INGESTOR_FAILPOINTS];
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThanOrEqual(30);
  });
});
