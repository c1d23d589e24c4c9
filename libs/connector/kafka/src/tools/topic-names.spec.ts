import { describe, expect, it } from '@jest/globals';
import { physicalTopic } from './topic-names';

const shared = { grouped: 'tenants.grouped.pulses', aggregated: 'sums' };
const keyOf = (name: string) => physicalTopic(name, shared).key?.toString();

describe('the topic of a logical name', () => {
  it.each([
    ['tenants.acme.grouped.pulses', 'tenants.grouped.pulses', 'acme'],
    ['tenants.a%2Eb.grouped.pulses', 'tenants.grouped.pulses', 'a.b'],
    ['tenants.acme.aggregated.pulses.amount', 'sums', 'acme'],
    ['tenants.grouped.pulses', 'tenants.grouped.pulses', undefined],
    ['source.pulses', 'source.pulses', undefined],
    ['source.pulses.dead-letter', 'source.pulses.dead-letter', undefined],
    ['my.tenants.acme.grouped.pulses', 'my.tenants.acme.grouped.pulses', undefined],
  ])('%s is %s with the key %s', (name, topic, key) => {
    expect(physicalTopic(name, shared).topic).toBe(topic);
    expect(keyOf(name)).toBe(key);
  });
});
