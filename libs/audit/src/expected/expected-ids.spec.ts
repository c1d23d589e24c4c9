import { describe, expect, it } from '@jest/globals';
import { createAggregatedIds, createGroupedIds } from '@pulses/shared-pulse-model';
import fc from 'fast-check';
import { aggregatedIds, groupedIds, writeIdOffset } from './expected-ids';

const source = fc.record({ topic: fc.string(), incarnation: fc.stringMatching(/^[0-9a-f]{32}$/) });
const offset = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constantFrom(0, 2 ** 24, 2 ** 48 - 1, 2 ** 48, 2 ** 53 - 1));

describe("the audit's recipe of ids", () => {
  it('gives grouped lines the ids of the model, in one piece and digit by digit', () => {
    fc.assert(
      fc.property(source, offset, (from, at) => {
        const expected = Buffer.alloc(36);
        createGroupedIds(from).write(at, expected, 0);
        expect(groupedIds(from)(at)).toBe(expected.toString('latin1'));
        const written = Buffer.from(`ab${groupedIds(from)(0)}cd`);
        writeIdOffset(at, written, 2);
        expect(written.toString('latin1')).toBe(`ab${expected.toString('latin1')}cd`);
      }),
    );
  });

  it('gives sums the ids of the model', () => {
    fc.assert(
      fc.property(source, fc.maxSafeNat(), fc.nat(), fc.uint8Array(), (from, startMs, windowMs, key) => {
        const expected = Buffer.alloc(36);
        createAggregatedIds(from, startMs, windowMs).write(key, expected, 0);
        expect(aggregatedIds(from, startMs, windowMs)(key)).toBe(expected.toString('latin1'));
      }),
    );
  });
});
