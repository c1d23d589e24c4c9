import { describe, expect, it } from '@jest/globals';
import { firstOffsetOf, messageFileName, topicDirectoryName } from './topic-names';

describe('the directory of a topic', () => {
  it.each([
    ['source.pulses', 'source.pulses'],
    ['tenants.a%2Eb.grouped.pulses', 'tenants.a%2Eb.grouped.pulses'],
    ['tenants.sha256=0f.grouped', 'tenants.sha256=0f.grouped'],
    ['..', '+2E.'],
    ['.export', '+2Eexport'],
    ['../up', '+2E.+2Fup'],
    ['a/b', 'a+2Fb'],
    ['a+b', 'a+2Bb'],
    ['~', '+7E'],
    ['ö', '+C3+B6'],
  ])('of %s is %s', (topic, name) => {
    expect(topicDirectoryName(topic)).toBe(name);
  });

  it('is one plain name of at most 200 bytes, and no two topics share it', () => {
    const topics = ['x'.repeat(249), `${'x'.repeat(248)}y`, '😀'.repeat(60), 'x'.repeat(200), `${'x'.repeat(199)}/`];
    const names = topics.map(topicDirectoryName);
    expect(new Set(names).size).toBe(topics.length);
    for (const name of names) expect(name).toMatch(/^[A-Za-z0-9+][A-Za-z0-9._=%+-]{0,199}$/);
  });
});

describe('the name of a file', () => {
  it('is its first offset, and sorts with it', () => {
    const names = [0, 9, 10, 4_711, 2 ** 53 - 1].map(messageFileName);
    expect([...names].sort()).toEqual(names);
    expect(names.map(firstOffsetOf)).toEqual([0, 9, 10, 4_711, 2 ** 53 - 1]);
  });

  it('is no other one', () => {
    for (const name of ['1.ndjson', '0000000000000001.index', '0000000000000001.0f1e2d3c.ndjson', 'notes'])
      expect(firstOffsetOf(name)).toBeUndefined();
  });
});
