import { describe, expect, it } from '@jest/globals';
import { connectorNames } from '@pulses/connector-registry';
import { parseSettings } from '@pulses/shared-settings';
import { ingestorSettings } from './settings';

const parse = (...argv: string[]) => parseSettings(ingestorSettings, { argv, env: {}, readFile: () => '' }).values;

describe("the ingestor's settings", () => {
  it('offer the connectors and engines that exist', () => {
    expect(ingestorSettings.connector).toMatchObject({ type: connectorNames.join('|'), defaultText: 'fs' });
    expect(ingestorSettings.engine).toMatchObject({ type: 'memory|redis', defaultText: 'memory' });
  });

  it.each(['rabbit', 'FS', ''])('refuse the connector %j, and say what is allowed', (name) => {
    expect(() => parse(`--connector=${name}`)).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: `--connector: '${name}' is not valid: one of ${connectorNames.join(', ')}`,
      }),
    );
  });

  it('refuse an engine that does not exist, and say what is allowed', () => {
    expect(() => parse('--engine=disk')).toThrow("--engine: 'disk' is not valid: one of memory, redis");
  });

  it('warn of an HTTP address beyond this machine', () => {
    const warningsOf = (...argv: string[]) =>
      parseSettings(ingestorSettings, { argv, env: {}, readFile: () => '' }).warnings;
    expect(warningsOf('--insecure-bind', '--http-host=127.1')).toEqual([]);
    expect(warningsOf('--insecure-bind', '--http-host=0.0.0.0')).toEqual([
      "--insecure-bind: any program that reaches 0.0.0.0 can read metrics and the open window's sums",
    ]);
    const withToken = (...argv: string[]) =>
      parseSettings(ingestorSettings, {
        argv: ['--insecure-bind', '--http-host=0.0.0.0', ...argv],
        env: { PULSES_AUTH_TOKEN: 'word' },
        readFile: () => '',
      }).warnings;
    expect(withToken()).toEqual([
      '--insecure-bind: any program that reaches 0.0.0.0 can read metrics; --http-auth is auto',
    ]);
    expect(withToken('--http-auth=on')).toEqual([]);
    expect(withToken('--http-host=127.1')).toEqual([]);
    expect(withToken('--http-auth=off')).toEqual(warningsOf('--insecure-bind', '--http-host=0.0.0.0'));
  });

  it('take the settings of every engine with any engine', () => {
    expect(parse('--redis-prefix=mine')).toMatchObject({ engine: 'memory', redisPrefix: 'mine' });
  });
});
