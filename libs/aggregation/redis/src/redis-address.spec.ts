import { describe, expect, it } from '@jest/globals';
import { parseRedisUrl } from './redis-address';

describe('the address of a Redis', () => {
  it.each([
    ['redis://127.0.0.1:7000', { host: '127.0.0.1', port: 7000, db: 0 }],
    ['redis://redis', { host: 'redis', port: 6379, db: 0 }],
    ['redis://redis/3', { host: 'redis', port: 6379, db: 3 }],
    ['redis://[::1]:7000/', { host: '::1', port: 7000, db: 0 }],
    ['redis://user:p%40ss%3A@redis:7000', { host: 'redis', port: 7000, db: 0, username: 'user', password: 'p@ss:' }],
    ['redis://:secret@redis', { host: 'redis', port: 6379, db: 0, password: 'secret' }],
    ['rediss://redis:7000', { host: 'redis', port: 7000, db: 0, tls: {} }],
  ])('is read from %s', (text, address) => {
    expect(parseRedisUrl(text)).toEqual(address);
  });

  it.each([
    '',
    'redis',
    'redis:',
    'redis://',
    'http://redis',
    'redis://redis:99999',
    'redis://redis/db',
    'redis://redis/1/2',
    'redis://:secret@/',
    'redis://redis:0',
    'redis://redis?db=2',
    'redis://redis/1?',
    'redis://redis/1?family=6',
    'redis://redis/1#x',
    'redis://redis#',
    'redis://redis/-1',
    'redis://redis/12345',
    'redis://redis/%31',
    'redis://:secret%@redis',
    'redis://secret%zz@redis',
    'redis://:12secret#4@redis/2',
    'redis://:secret/4@redis/2',
    'redis://:secret?4@redis/2',
  ])('is refused when it is %j, without a word of it', (text) => {
    let failure: unknown;
    try {
      parseRedisUrl(text);
    } catch (error) {
      failure = error;
    }
    expect(failure).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(String(failure)).toContain('--redis-url: ');
    expect(String(failure)).not.toContain('secret');
  });
});
