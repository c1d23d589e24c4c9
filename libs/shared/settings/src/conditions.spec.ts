import { describe, expect, it } from '@jest/globals';
import { choiceSetting, integerSetting, optional, secretSetting, textKind } from './setting';
import { parseSettings } from './settings';

const about = { description: 'A setting.' };
const onlyWith = { flag: 'system', choice: 'far' };
const own = {
  hops: { ...integerSetting({ flag: 'hops', min: 1, max: 9, default: '3', ...about }), onlyWith },
  user: { ...optional(textKind, { flag: 'user', ...about }), onlyWith },
  password: { ...secretSetting({ flag: 'password', ...about }), onlyWith },
};
const definition = {
  system: choiceSetting({ flag: 'system', choices: ['near', 'far'], default: 'near', ...about }),
  ...own,
};

const parse = (argv: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  parseSettings(definition, { argv, env, readFile: () => 'sesame' }).values;

describe('a setting that belongs to a choice', () => {
  it.each([
    ['--hops=3', 'hops'],
    ['--user=me', 'user'],
    ['--password=sesame', 'password'],
    ['--password-file=/token', 'password-file'],
  ])('is refused as a flag with another choice: %s', (flag, name) => {
    const message = `--${name}: has no effect with --system near; allowed: only with --system far`;
    for (const argv of [[flag], [flag, '--system=near'], ['--system', 'near', flag]])
      expect(() => parse(argv)).toThrow(message);
    expect(() => parse([flag], { PULSES_SYSTEM: 'near' })).toThrow(message);
  });

  it('is taken with its choice, however that is given', () => {
    expect(parse(['--hops=4', '--system=far'])).toMatchObject({ hops: 4, system: 'far' });
    expect(parse(['--hops=4'], { PULSES_SYSTEM: 'far' })).toMatchObject({ hops: 4, system: 'far' });
  });

  it('may be a variable with any choice, since programs share an environment', () => {
    expect(parse([], { PULSES_HOPS: '5', PULSES_PASSWORD: 'sesame' })).toMatchObject({ hops: 5, system: 'near' });
  });

  it('is taken where the program has no such choice', () => {
    expect(parseSettings(own, { argv: ['--hops=4'], env: {}, readFile: () => '' }).values.hops).toBe(4);
  });
});
