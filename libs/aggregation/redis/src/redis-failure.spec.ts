import { describe, expect, it } from '@jest/globals';
import { PulsesError } from '@pulses/shared-errors';
import { pulsesErrorOf, refusalOf } from './redis-failure';

const refusal = (message: string) => Object.assign(new Error(message), { name: 'ReplyError' });

describe('a failure of Redis', () => {
  it.each([
    ["OOM command not allowed when used memory > 'maxmemory'.", 'STORAGE_FULL', true],
    ['WRONGPASS invalid username-password pair or user is disabled.', 'UNAUTHENTICATED', false],
    ['NOAUTH Authentication required.', 'UNAUTHENTICATED', false],
    ["NOPERM User pulses has no permissions to run the 'eval' command", 'UNAUTHENTICATED', false],
    ['LOADING Redis is loading the dataset in memory', 'OVERLOADED', true],
    ['BUSY Redis is busy running a script.', 'OVERLOADED', true],
    ['CLUSTERDOWN The cluster is down', 'OVERLOADED', true],
    ["READONLY You can't write against a read only replica.", 'CONNECTION_LOST', true],
    ['MOVED 3999 127.0.0.1:6381', 'CONNECTION_LOST', true],
    ['WRONGTYPE Operation against a key holding the wrong kind of value', 'PROTOCOL_VIOLATION', false],
    ['ERR unknown command', 'PROTOCOL_VIOLATION', false],
  ])('is classified by the code at the start of %j', (message, code, retriable) => {
    const failure = pulsesErrorOf(refusal(message), 'Redis at a:1');
    expect(failure).toMatchObject({ code, retriable });
    expect(failure.message).toContain('Redis at a:1: ');
    expect(failure.message).toContain(message);
  });

  it.each([
    ['connect refused', 'ECONNREFUSED', 'CONNECTION_LOST'],
    ['connect timed out', 'ETIMEDOUT', 'TIMED_OUT'],
    ['Command timed out', undefined, 'TIMED_OUT'],
    ['Connection is closed.', undefined, 'CONNECTION_LOST'],
    ['self-signed certificate', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'CONFIG_INVALID'],
  ])('below the protocol, %j with %s, is classified by its cause', (message, below, code) => {
    expect(
      pulsesErrorOf(Object.assign(new Error(message), below === undefined ? {} : { code: below }), 'Redis'),
    ).toMatchObject({ code });
    expect(pulsesErrorOf('no error at all', 'Redis')).toMatchObject({ code: 'CONNECTION_LOST' });
  });

  it('keeps a code that it already has', () => {
    const failure = new PulsesError('FENCED', 'overtaken');
    expect(pulsesErrorOf(failure, 'Redis')).toBe(failure);
  });

  it('is no rejection without an error reply', () => {
    expect(refusalOf(new Error('OOM'))).toBe('');
    expect(refusalOf(refusal('OOM full'))).toBe('OOM');
    expect(refusalOf(undefined)).toBe('');
  });
});
