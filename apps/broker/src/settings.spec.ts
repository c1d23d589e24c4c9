import { describe, expect, it } from '@jest/globals';
import { PRODUCER_KEPT_MS } from '@pulses/broker-wire';
import { parseSettings } from '@pulses/shared-settings';
import { brokerSettings } from './settings';

const LONG = 'x'.repeat(16);

const read = (argv: readonly string[], token?: string) =>
  parseSettings(brokerSettings, { argv, env: { PULSES_AUTH_TOKEN: token }, readFile: () => '' });

describe('the settings of a broker', () => {
  it.each<[string, readonly string[], string | undefined]>([
    ['by default', [], undefined],
    ['with a long token', [], LONG],
    ['with a token beyond this machine', ['--host=0.0.0.0', '--insecure-bind'], LONG],
    ['with --insecure-bind on loopback', ['--host=LOCALHOST', '--insecure-bind'], undefined],
  ])('give no warning %s', (_what, argv, token) => {
    expect(read(argv, token).warnings).toEqual([]);
  });

  it('warn of a short token', () => {
    for (const token of ['x', 'x'.repeat(15)])
      expect(read([], token).warnings).toEqual(['--auth-token: a token of fewer than 16 characters can be guessed']);
  });

  it('warn of an address beyond this machine without a token', () => {
    expect(read(['--host=0.0.0.0', '--insecure-bind']).warnings).toEqual([
      '--insecure-bind: any program that reaches 0.0.0.0 can read, publish and delete; no --auth-token is set',
    ]);
  });

  it('let no producer expire before every client has given up on its first batch', () => {
    expect(read([`--producer-expiry=${PRODUCER_KEPT_MS}ms`]).values.producerExpiryMs).toBe(PRODUCER_KEPT_MS);
    expect(() => read([`--producer-expiry=${PRODUCER_KEPT_MS - 1}ms`])).toThrow('--producer-expiry');
  });

  it('spell a host in one way', () => {
    expect(read(['--host=[::1]', '--http-host=127.1']).values).toMatchObject({ host: '::1', httpHost: '127.0.0.1' });
  });
});
