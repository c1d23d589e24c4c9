import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { aggregatedTopic, deadLetterTopic, encodeTenant, groupedTopic, topicKindOf } from './topic-names';

const encode = (tenant: string) => encodeTenant(Buffer.from(tenant));
const digestOf = (tenant: string) => `sha256=${createHash('sha256').update(tenant).digest('hex')}`;

describe('a tenant in a topic name', () => {
  it.each([
    ['acme', 'acme'],
    ['AZaz09-_', 'AZaz09-_'],
    ['a.b', 'a%2Eb'],
    ['..', '%2E%2E'],
    ['../../etc', '%2E%2E%2F%2E%2E%2Fetc'],
    ['a b', 'a%20b'],
    ['100%', '100%25'],
    ['%2E', '%252E'],
    ['é', '%C3%A9'],
    ['日', '%E6%97%A5'],
    ['😀', '%F0%9F%98%80'],
    ['\u0000\n', '%00%0A'],
    ['sha256=ab', 'sha256%3Dab'],
    ['~', '%7E'],
  ])('%j is %s', (tenant, encoded) => {
    expect(encode(tenant)).toBe(encoded);
  });

  it.each([
    ['plain', 'x'.repeat(180), 'x'.repeat(181)],
    ['encoded', '.'.repeat(60), '.'.repeat(61)],
    ['mixed', `${'.'.repeat(59)}xxx`, `${'.'.repeat(59)}xxxx`],
  ])('is encoded up to 180 bytes and replaced by its digest above: %s', (_name, longest, tooLong) => {
    expect(encode(longest)).toHaveLength(180);
    expect(encode(longest)).not.toContain('=');
    expect(encode(tooLong)).toBe(digestOf(tooLong));
  });

  it('is unique to the tenant, and has only safe characters', () => {
    const tenant = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 6 }),
      fc.uint8Array({ minLength: 50, maxLength: 256 }),
      fc.constantFrom('a.b', 'a%2Eb', 'a%2eb', 'a_b').map((text) => Uint8Array.from(Buffer.from(text))),
    );
    fc.assert(
      fc.property(tenant, tenant, (one, other) => {
        const [left, right] = [encodeTenant(one), encodeTenant(other)];
        expect(left === right).toBe(Buffer.from(one).equals(Buffer.from(other)));
        expect(left).toMatch(/^(?:[A-Za-z0-9_-]|%[0-9A-F]{2}){1,180}$|^sha256=[0-9a-f]{64}$/);
      }),
      { numRuns: 5000 },
    );
  });

  it('gives valid topic names that a source line can contain', () => {
    const longest = encode('é'.repeat(128));
    expect(groupedTopic(encode('a.b'))).toBe('tenants.a%2Eb.grouped.pulses');
    expect(aggregatedTopic(encode('a.b'))).toBe('tenants.a%2Eb.aggregated.pulses.amount');
    for (const topic of [groupedTopic(longest), aggregatedTopic('x'.repeat(180))])
      expect(Buffer.byteLength(topic)).toBeLessThanOrEqual(249);
  });
});

describe('the kind of a topic', () => {
  it.each([
    [groupedTopic('t'), 'grouped'],
    [aggregatedTopic('t'), 'aggregated'],
    [deadLetterTopic('source.pulses'), 'dead_letter'],
    [deadLetterTopic('tenants.t.grouped.pulses'), 'dead_letter'],
    ['source.pulses', 'source'],
    ['grouped.pulses', 'source'],
    ['my.tenants.t.grouped.pulses', 'source'],
    ['tenants.t.grouped.pulses.more', 'source'],
    ['', 'source'],
  ])('of %j is %s', (topic, kind) => {
    expect(topicKindOf(topic)).toBe(kind);
  });
});
