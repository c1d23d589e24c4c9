import { describe, expect, it } from '@jest/globals';
import { parseSettings } from '@pulses/shared-settings';
import { natsSettings, serversText } from './settings';

const parse = (...argv: string[]) => parseSettings(natsSettings, { argv, env: {}, readFile: () => 'secret\n' });

describe('the settings of NATS', () => {
  it.each([
    ['nats://127.0.0.1:4222', 'nats://127.0.0.1:4222'],
    ['broker.example', 'nats://broker.example:4222'],
    ['tls://a:1,nats://b', 'tls://a:1,nats://b:4222'],
    ['nats://[::1]:5/', 'nats://[::1]:5'],
  ])('read the servers %j', (text, servers) => {
    expect(serversText(parse(`--nats-url=${text}`).values.natsUrl)).toBe(servers);
  });

  it.each(['', 'ws://a:1', 'nats://a:0', 'nats://a:65536', 'nats://user:pass@a:1', 'nats://token@a', 'a,,b', 'a/b'])(
    'refuse the servers %j',
    (text) => {
      expect(() => parse(`--nats-url=${text}`)).toThrow(/--nats-url/);
    },
  );

  it.each(['nats://user:hidden@a:1', 'hidden@a', 'nats://b,nats://u:hid/den@a:1'])(
    'do not show the password of %j',
    (text) => {
      expect(() => parse(`--nats-url=${text}`)).toThrow(/^--nats-url: '…@a/);
    },
  );

  it('warn of a secret that is sent in plain text', () => {
    const warnings = (...argv: string[]) => parse(...argv).warnings;
    expect(warnings('--nats-url=nats://far.example', '--nats-token-file=t')).toEqual([
      '--nats-token: the token is sent to far.example in plain text; use tls:// or --nats-tls-ca-file',
    ]);
    for (const safe of ['--nats-url=tls://far.example', '--nats-url=nats://127.0.0.1'])
      expect(warnings(safe, '--nats-token-file=t')).toEqual([]);
  });
});
