import { describe, expect, it } from '@jest/globals';
import {
  booleanSetting,
  choiceSetting,
  durationKind,
  durationSetting,
  integerKind,
  integerSetting,
  optional,
  portSetting,
  secretSetting,
  sizeKind,
  sizeSetting,
  textKind,
  textSetting,
  tokenSetting,
} from './setting';
import { asksFor, parseSettings, variablesOf, type SettingsSources } from './settings';

const about = { description: 'A setting.' };

const definition = {
  host: textSetting({ flag: 'host', default: '127.0.0.1', ...about }),
  port: portSetting({ flag: 'port', default: '9000', ...about }),
  tenants: integerSetting({ flag: 'stub-tenants', min: 1, max: 100, default: '10', ...about }),
  intervalMs: durationSetting({ flag: 'flush-interval', min: '10ms', max: '1h', default: '5s', ...about }),
  bytes: sizeSetting({ flag: 'tail-bytes', min: '1KiB', max: '1GiB', default: '64MiB', ...about }),
  engine: choiceSetting({ flag: 'engine', choices: ['memory', 'redis'], default: 'memory', ...about }),
  stub: booleanSetting({ flag: 'stub', ...about }),
  url: optional(textKind, { flag: 'redis-url', ...about }),
  token: secretSetting({ flag: 'auth-token', ...about }),
};

const SECRET = 'hunter2-hunter2';

const parse = (argv: readonly string[], sources: Partial<SettingsSources> = {}) =>
  parseSettings(definition, {
    argv,
    env: {},
    readFile: () => {
      throw new Error('no test gave a file');
    },
    ...sources,
  });

const valuesOf = (argv: readonly string[], env: SettingsSources['env'] = {}) => parse(argv, { env }).values;

function refusal(argv: readonly string[], sources: Partial<SettingsSources> = {}): string {
  try {
    parse(argv, sources);
  } catch (error) {
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    return (error as Error).message;
  }
  throw new Error(`${argv.join(' ')} was accepted`);
}

describe('settings', () => {
  it('have their defaults, or undefined without one', () => {
    expect(valuesOf([])).toEqual({
      host: '127.0.0.1',
      port: 9000,
      tenants: 10,
      intervalMs: 5000,
      bytes: 64 * 2 ** 20,
      engine: 'memory',
      stub: false,
      url: undefined,
      token: undefined,
    });
  });

  it('prefer the flag to the environment, and both to the default', () => {
    const env = { PULSES_STUB_TENANTS: '20', PULSES_PORT: '7000' };
    expect(valuesOf(['--stub-tenants=30'], env)).toMatchObject({ tenants: 30, port: 7000, host: '127.0.0.1' });
  });

  it('read flags with and without an equals sign, and take the last of two', () => {
    expect(valuesOf(['--host', 'a', '--port=1', '--host=b=c'])).toMatchObject({ host: 'b=c', port: 1 });
  });

  it('ignore an empty environment variable', () => {
    expect(valuesOf([], { PULSES_HOST: '', PULSES_PORT: '', PULSES_STUB: '' })).toMatchObject({
      host: '127.0.0.1',
      port: 9000,
    });
  });

  it('reject an empty flag', () => {
    expect(refusal(['--host='])).toBe("--host: '' is not valid: text that is not empty");
  });

  it.each<[readonly string[], boolean]>([
    [['--stub'], true],
    [['--stub=true'], true],
    [['--stub=false'], false],
    [['--stub', 'true'], true],
    [['--stub', 'false'], false],
    [['--no-stub'], false],
    [['--stub', '--no-stub'], false],
    [['--no-stub', '--stub'], true],
    [['--stub', '--port', '1'], true],
  ])('read %j as stub %s for any environment', (argv, stub) => {
    expect(valuesOf(argv, { PULSES_STUB: String(!stub) })).toMatchObject({ stub });
  });

  it.each<[readonly string[], RegExp]>([
    [['--stub=yes'], /^--stub: 'yes' .*true or false/],
    [['--stub', 'yes'], /^'yes': unexpected argument/],
    [['--no-stub=false'], /^--no-stub: 'false' .*--stub=true\|false/],
    [['--no-stub', 'false'], /^'false': unexpected argument/],
    [['--no-host'], /^--no-host: unknown flag/],
  ])('reject %j', (argv, line) => {
    expect(refusal(argv)).toMatch(line);
  });

  it.each<[string, string]>([
    ['--prot', '--port'],
    ['--stub-tenant', '--stub-tenants'],
    ['--flushinterval', '--flush-interval'],
    ['--hlep', '--help'],
    ['--auth-token-fil', '--auth-token-file'],
  ])('name the nearest flag for the unknown %s', (unknown, near) => {
    expect(refusal([`${unknown}=1`])).toBe(`${unknown}: unknown flag; did you mean ${near}? (see --help)`);
  });

  it('suggest nothing for a flag that resembles none', () => {
    expect(refusal(['--watermelon'])).toBe('--watermelon: unknown flag (see --help)');
  });

  it("take one dash for the original's flags alone", () => {
    const six = valuesOf(['-port', '9100', '-stub', '-stub-tenants=3']);
    expect(six).toMatchObject({ port: 9100, stub: true, tenants: 3 });
    expect(valuesOf(['-stub', 'false', '-port=1'])).toMatchObject({ port: 1, stub: false });
    expect(refusal(['-port', 'x'])).toMatch(/^--port: 'x' is not valid/);
    expect(valuesOf(['--host=-port'])).toMatchObject({ host: '-port' });
    // Not among the flags of this program, and no flag of the original's.
    for (const flag of ['-stub-clean', '-host', '-ports']) expect(refusal([flag, '1'])).toMatch(/unknown flag/);
    const behindDashes = parse(['--', '-port'], { positionals: { names: ['WORD'] } });
    expect(behindDashes.positionals).toEqual(['-port']);
  });

  it.each(['-p', '-p9000', '-h', '-x'])('reject the short flag %s', (flag) => {
    expect(refusal([flag])).toMatch(/^-\w: unknown flag/);
  });

  it('report a missing value at the end and before the next flag', () => {
    expect(refusal(['--host'])).toBe('--host: a value is missing');
    expect(refusal(['--host', '--port', '1'])).toBe('--host: a value is missing');
    expect(refusal(['--host', '--'])).toBe('--host: a value is missing');
    expect(valuesOf(['--host=--port'])).toMatchObject({ host: '--port' });
    expect(valuesOf(['--host', '-'])).toMatchObject({ host: '-' });
  });

  it('require a value without a default', () => {
    const { defaultText: _none, ...name } = textSetting({ flag: 'name', default: '', ...about });
    expect(() => parseSettings({ name }, { argv: [], env: {}, readFile: () => '' })).toThrow(
      '--name: a value is needed: text that is not empty',
    );
  });
});

describe('positional arguments', () => {
  it('are rejected unless the program takes some', () => {
    expect(refusal(['stray'])).toBe("'stray': unexpected argument; see --help");
    const positionals = { names: ['TOPIC'] };
    expect(parse(['a', '--port', '1'], { positionals })).toMatchObject({ positionals: ['a'], values: { port: 1 } });
    expect(refusal(['a', 'b'], { positionals })).toMatch(/^'b': unexpected argument/);
  });

  it('are all arguments after a lone --', () => {
    const positionals = { names: ['A', 'B'] };
    expect(parse(['--stub', '--', 'false', '--port'], { positionals })).toMatchObject({
      positionals: ['false', '--port'],
      values: { stub: true, port: 9000 },
    });
  });

  it('do not ask for help', () => {
    expect(asksFor('help', ['--port', '1', '--help'])).toBe(true);
    expect(asksFor('help', ['-h'])).toBe(true);
    expect(asksFor('version', ['--version'])).toBe(true);
    expect(asksFor('version', ['-h'])).toBe(false);
    expect(asksFor('help', ['--', '--help'])).toBe(false);
  });
});

describe('values', () => {
  it.each<[string, string, number]>([
    ['--port', '0', 0],
    ['--port', '65535', 65_535],
    ['--stub-tenants', '1', 1],
    ['--stub-tenants', '100', 100],
    ['--flush-interval', '10ms', 10],
    ['--flush-interval', '500ms', 500],
    ['--flush-interval', '2m', 120_000],
    ['--flush-interval', '1h', 3_600_000],
    ['--flush-interval', '3600s', 3_600_000],
    ['--tail-bytes', '1024', 1024],
    ['--tail-bytes', '1024B', 1024],
    ['--tail-bytes', '1KiB', 1024],
    ['--tail-bytes', '1MiB', 2 ** 20],
    ['--tail-bytes', '1GiB', 2 ** 30],
  ])('%s takes %s', (flag, text, value) => {
    expect(Object.values(valuesOf([flag, text]))).toContain(value);
  });

  const ALLOWED: Readonly<Record<string, string>> = {
    '--port': 'a whole number from 0 to 65535',
    '--stub-tenants': 'a whole number from 1 to 100',
    '--flush-interval': 'a duration from 10ms to 1h, such as 500ms, 5s or 2m',
    '--tail-bytes': 'a size from 1KiB to 1GiB, such as 64KiB, 1MiB or 64MiB',
    '--engine': 'one of memory, redis',
  };

  it.each<[string, readonly string[]]>([
    ['--port', ['65536', '-1', '1.5', 'nine', '0x10', '1e3', ' 1', '999999999999999999999']],
    ['--stub-tenants', ['0', '101', '1_000']],
    ['--flush-interval', ['5', '9ms', '3601s', '2h', '1.5s', '5 s', '-5s', '5S', 's', '1w']],
    ['--tail-bytes', ['1023', '2GiB', '1MB', '1mib', '1.5MiB', 'KiB', '1TiB']],
    ['--engine', ['paper', 'Memory', 'memory ', 'toString']],
  ])('%s names what is allowed', (flag, texts) => {
    for (const text of texts)
      expect(refusal([`${flag}=${text}`])).toBe(`${flag}: '${text}' is not valid: ${ALLOWED[flag] ?? ''}`);
  });

  it('have examples only of what is allowed', () => {
    expect(sizeKind({ min: '1MiB', max: '1GiB' }).allowed).toBe('a size from 1MiB to 1GiB, such as 1MiB or 64MiB');
    expect(durationKind({ min: '1s', max: '3650d' }).allowed).toBe('a duration from 1s to 3650d, such as 5s or 2m');
    expect(durationKind({ min: '1ms', max: '10ms' }).allowed).toBe('a duration from 1ms to 10ms');
  });

  it('are whole numbers up to the largest that is exact', () => {
    const definition = {
      count: optional(integerKind({ min: 1, max: Number.MAX_SAFE_INTEGER }), { flag: 'count', ...about }),
    };
    const countOf = (text: string) =>
      parseSettings(definition, { argv: [`--count=${text}`], env: {}, readFile: () => '' }).values.count;
    expect(countOf('9007199254740991')).toBe(Number.MAX_SAFE_INTEGER);
    for (const text of ['9007199254740992', '9007199254740993', '9999999999999999', '10000000000000000'])
      expect(() => countOf(text)).toThrow(`--count: '${text}' is not valid: a whole number from 1 to 9007199254740991`);
  });

  it('of many lines or characters are refused with one short line', () => {
    expect(refusal(['--port=9\n0'])).toBe("--port: '9\\u000a0' is not valid: a whole number from 0 to 65535");
    expect(refusal([`--port=${'9'.repeat(100_000)}`]).length).toBeLessThan(300);
  });

  it('from a Kubernetes Service named pulses get a hint', () => {
    expect(refusal([], { env: { PULSES_PORT: 'tcp://10.0.0.7:9000' } })).toBe(
      "PULSES_PORT: 'tcp://10.0.0.7:9000' is not valid: a whole number from 0 to 65535; a Kubernetes Service named " +
        "pulses sets this variable: put 'enableServiceLinks: false' into the pod's spec",
    );
    expect(refusal(['--port=tcp://10.0.0.7:9000'])).not.toContain('Kubernetes');
  });

  it('that are unwise together are warned of', () => {
    const stub = booleanSetting({
      flag: 'stub',
      ...about,
      warning: ({ stub, host }) => (stub === true ? `--stub: a load on ${String(host)}` : undefined),
    });
    const warningsOf = (...argv: string[]) =>
      parseSettings({ ...definition, stub }, { argv, env: {}, readFile: () => '' }).warnings;
    expect(warningsOf()).toEqual([]);
    expect(warningsOf('--stub', '--host=a')).toEqual(['--stub: a load on a']);
  });

  it('name the variable of a bad value', () => {
    expect(refusal([], { env: { PULSES_PORT: '70000' } })).toBe(
      "PULSES_PORT: '70000' is not valid: a whole number from 0 to 65535",
    );
  });
});

describe('secrets', () => {
  const files: Readonly<Record<string, string>> = {
    '/token': `${SECRET}\n`,
    '/dos': `${SECRET}\r\n`,
    '/empty': '\n',
    '/two': 'a\n\n',
  };
  const readFile = (path: string): string => {
    const text = files[path];
    if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    return text;
  };
  const tokenOf = (argv: readonly string[], env: SettingsSources['env'] = {}) =>
    parse(argv, { env, readFile }).values.token;

  it('come from a flag, a variable or a file without its line end', () => {
    expect(tokenOf([`--auth-token=${SECRET}`])).toBe(SECRET);
    expect(tokenOf([], { PULSES_AUTH_TOKEN: SECRET })).toBe(SECRET);
    expect(tokenOf(['--auth-token-file', '/token'])).toBe(SECRET);
    expect(tokenOf(['--auth-token-file', '/dos'])).toBe(SECRET);
    expect(tokenOf([], { PULSES_AUTH_TOKEN_FILE: '/token' })).toBe(SECRET);
    expect(tokenOf(['--auth-token-file', '/two'])).toBe('a\n');
  });

  it('prefer the flag of a file to the variable of the secret', () => {
    expect(tokenOf(['--auth-token-file', '/token'], { PULSES_AUTH_TOKEN: 'other' })).toBe(SECRET);
  });

  it('are refused when they are given directly and in a file', () => {
    expect(refusal(['--auth-token', SECRET, '--auth-token-file', '/token'], { readFile })).toBe(
      '--auth-token and --auth-token-file: both are given; allowed: one of them',
    );
    const env = { PULSES_AUTH_TOKEN: SECRET, PULSES_AUTH_TOKEN_FILE: '/token' };
    expect(refusal([], { readFile, env })).toBe(
      'PULSES_AUTH_TOKEN and PULSES_AUTH_TOKEN_FILE: both are given; allowed: one of them',
    );
    expect(tokenOf(['--auth-token-file', '/token'], { PULSES_AUTH_TOKEN: 'other' })).toBe(SECRET);
  });

  it('on the command line are warned of, once and without their text', () => {
    expect(parse(['--auth-token', SECRET]).warnings).toEqual([
      '--auth-token: other users of this machine can read it in the list of processes; use --auth-token-file',
    ]);
    expect(parse(['--auth-token-file', '/token'], { readFile }).warnings).toEqual([]);
    expect(parse([], { env: { PULSES_AUTH_TOKEN: SECRET } }).warnings).toEqual([]);
  });

  it.each(['', 'a\nb', `${SECRET}\u0000`, '\u007f', '\u0085', 'x'.repeat(4097), 'ä'.repeat(133_000 / 2)])(
    'are no token when they are %j',
    (text) => {
      const token = tokenSetting({ flag: 'auth-token', ...about });
      expect(() => parseSettings({ token }, { argv: [`--auth-token=${text}`], env: {}, readFile })).toThrow(
        '--auth-token: the value given is not valid: 1 to 4096 bytes without control characters',
      );
    },
  );

  it('name an unreadable or empty file', () => {
    expect(refusal(['--auth-token-file', '/none'], { readFile })).toBe(
      "--auth-token-file: '/none' is not valid: a file that can be read (ENOENT)",
    );
    expect(refusal([], { readFile, env: { PULSES_AUTH_TOKEN_FILE: '/empty' } })).toBe(
      'PULSES_AUTH_TOKEN_FILE: the value given is not valid: text that is not empty',
    );
  });

  it('never show in an error', () => {
    const strict = { token: { ...definition.token, schema: textKind.schema.refine((text) => text.length > 100) } };
    for (const argv of [[`--auth-token=${SECRET}`], ['--auth-token', SECRET]])
      expect(() => parseSettings(strict, { argv, env: {}, readFile })).toThrow(
        '--auth-token: the value given is not valid: text that is not empty',
      );
    expect(refusal([`--auth-tokne=${SECRET}`])).not.toContain(SECRET);
    expect(refusal(['--auth-tokne', SECRET])).not.toContain(SECRET);
  });
});

describe('variables for a child process', () => {
  const inherited = {
    host: textSetting({ flag: 'host', default: 'here', ...about }),
    tls: booleanSetting({ flag: 'tls', ...about }),
    token: tokenSetting({ flag: 'auth-token', ...about }),
  };

  it('say what the flags say, without those of other settings', () => {
    const argv = ['--group', 'tls', '--host', 'there', '--no-tls', '--other=1', '-x', 'word'];
    expect(variablesOf(inherited, argv)).toEqual({ PULSES_HOST: 'there', PULSES_TLS: 'false' });
    expect(variablesOf(inherited, ['--tls'])).toEqual({ PULSES_TLS: 'true' });
    expect(variablesOf(inherited, ['--group=a'])).toEqual({});
  });

  it('replace both variables of a secret', () => {
    expect(variablesOf(inherited, ['--auth-token-file=/token'])).toEqual({
      PULSES_AUTH_TOKEN: undefined,
      PULSES_AUTH_TOKEN_FILE: '/token',
    });
  });
});
