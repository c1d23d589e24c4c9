import { describe, expect, it } from '@jest/globals';
import { parseSettings } from '@pulses/shared-settings';
import { brokerAddressOf, brokerClientSettings } from './client-settings';

const warningsOf = (argv: readonly string[], token: string | undefined = 'sesame') =>
  parseSettings(brokerClientSettings, { argv, env: { PULSES_AUTH_TOKEN: token }, readFile: () => '' }).warnings;

describe('the settings of a client', () => {
  it('warn of a token that crosses the network in plain text', () => {
    expect(warningsOf(['--host=broker.example'])).toEqual([
      '--auth-token: the token is sent to broker.example in plain text; use --tls or --tls-ca-file',
    ]);
  });

  it.each([[['--tls']], [['--tls-ca-file=ca.pem']], [['--host=127.1']], [['--host=[::1]']], [['--host=LOCALHOST ']]])(
    'give no warning with %j',
    (argv) => {
      expect(warningsOf(['--host=broker.example', ...argv])).toEqual([]);
    },
  );

  it('give no warning without a token', () => {
    expect(warningsOf(['--host=broker.example'], '')).toEqual([]);
  });

  it.each([
    [__filename, /is not valid: a PEM file of certificates$/],
    ['/nowhere', /is not valid: a file that can be read \(ENOENT\)$/],
  ])('refuse %s as a file of certificates', async (path, message) => {
    const { values } = parseSettings(brokerClientSettings, {
      argv: [`--tls-ca-file=${path}`],
      env: {},
      readFile: () => '',
    });
    await expect(brokerAddressOf(values)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(message),
    });
  });
});
