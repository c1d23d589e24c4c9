import { describe, expect, it } from '@jest/globals';
import { assertSafeBind } from './safe-bind';

const check = {
  flag: 'http-host',
  host: '0.0.0.0',
  protected: false,
  insecureBind: false,
  remedy: 'a proxy of your own',
};

describe('a safe address', () => {
  it.each(['127.0.0.1', '127.255.255.254', '::1', 'localhost'])('is loopback: %s', (host) => {
    expect(() => {
      assertSafeBind({ ...check, host });
    }).not.toThrow();
  });

  it.each([
    '0.0.0.0',
    '::',
    '10.0.0.1',
    '128.0.0.1',
    '127.example.com',
    '127.0.0.1.example.com',
    '::ffff:10.0.0.1',
    'localhost.example.com',
    '',
  ])('is not %j', (host) => {
    expect(() => {
      assertSafeBind({ ...check, host });
    }).toThrow(
      `--http-host: '${host}' is reachable from other machines; allowed: a loopback address, or a proxy of your own, or --insecure-bind on a private network`,
    );
  });

  it('is any address with TLS and authentication, or with --insecure-bind', () => {
    expect(() => {
      assertSafeBind({ ...check, protected: true });
      assertSafeBind({ ...check, insecureBind: true });
    }).not.toThrow();
  });
});
