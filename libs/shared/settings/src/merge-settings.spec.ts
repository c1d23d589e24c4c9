import { describe, expect, it } from '@jest/globals';
import { mergeSettings } from './merge-settings';
import { textSetting } from './setting';

const settingOf = (flag: string) => textSetting({ flag, default: 'x', description: 'A setting.' });

describe('merged settings', () => {
  it('are the settings of all parts, in order', () => {
    const [host, port, user] = [settingOf('host'), settingOf('port'), settingOf('user')];
    const merged = mergeSettings([{ host, port }, { user }]);
    expect(Object.entries(merged)).toEqual([
      ['host', host],
      ['port', port],
      ['user', user],
    ]);
  });

  it('hold a setting that two parts share once', () => {
    const host = settingOf('host');
    expect(mergeSettings([{ host }, { host, port: settingOf('port') }])).toMatchObject({ host });
  });

  it.each([
    ['key', { host: settingOf('other-host') }],
    ['flag', { otherHost: settingOf('host') }],
  ])('are refused when two parts declare one %s differently', (_what, other) => {
    expect(() =>
      mergeSettings<Record<string, ReturnType<typeof settingOf>>>([{ host: settingOf('host') }, other]),
    ).toThrow(TypeError);
  });
});
