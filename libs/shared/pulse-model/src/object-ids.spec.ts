import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { createAggregatedIds, createGroupedIds, UUID_BYTES, type SourceId } from './object-ids';

const SOURCE: SourceId = { topic: 'source.pulses', incarnation: '000102030405060708090a0b0c0d0e0f' };

function groupedId(source: SourceId, offset: number): string {
  const out = Buffer.alloc(UUID_BYTES);
  expect(createGroupedIds(source).write(offset, out, 0)).toBe(UUID_BYTES);
  return out.toString('latin1');
}

function aggregatedIds(source: SourceId, startMs: number, windowMs: number): (key: Uint8Array) => string {
  const ids = createAggregatedIds(source, startMs, windowMs);
  return (key) => {
    const out = Buffer.alloc(UUID_BYTES);
    expect(ids.write(key, out, 0)).toBe(UUID_BYTES);
    return out.toString('latin1');
  };
}

// An independent implementation: BigInt arithmetic on the digest.
function recipe(parts: readonly (string | Uint8Array)[], lowBits?: bigint): string {
  const input = parts.map((part) => {
    const bytes = Buffer.from(part as string);
    return Buffer.concat([Buffer.from(Uint32Array.of(bytes.byteLength).buffer), bytes]);
  });
  const digest = BigInt(`0x${createHash('sha256').update(Buffer.concat(input)).digest('hex')}`);
  const bits = digest >> 128n;
  const low = lowBits ?? bits & ((1n << 62n) - 1n);
  // 48 bits, version 8, 12 bits, variant 10, 62 bits.
  const id = ((bits >> 80n) << 80n) | (8n << 76n) | (((bits >> 64n) & 0xfffn) << 64n) | (2n << 62n) | low;
  return id
    .toString(16)
    .padStart(32, '0')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

const UUID_8 = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const source = fc.record({
  topic: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
  incarnation: fc.stringMatching(/^[0-9a-f]{32}$/),
});
const offset = fc.oneof(
  fc.maxSafeNat(),
  fc.nat(),
  fc.constantFrom(0, 1, 15, 16, 2 ** 32 - 1, 2 ** 32, 2 ** 48 - 1, 2 ** 48, Number.MAX_SAFE_INTEGER),
);

describe('the id of a grouped pulse', () => {
  it('is 60 bits of a digest of the source, then the offset', () => {
    fc.assert(
      fc.property(source, offset, (from, at) => {
        const id = groupedId(from, at);
        expect(id).toBe(recipe(['grouped', from.topic, from.incarnation], BigInt(at)));
        expect(id).toMatch(UUID_8);
      }),
      { numRuns: 2000 },
    );
  });

  // Computed with sha256sum.
  it.each([
    [0, 'f30026f8-3a33-8c94-8000-000000000000'],
    [0x1a2b3c, 'f30026f8-3a33-8c94-8000-0000001a2b3c'],
    [2 ** 48, 'f30026f8-3a33-8c94-8001-000000000000'],
    [Number.MAX_SAFE_INTEGER, 'f30026f8-3a33-8c94-801f-ffffffffffff'],
  ])('of offset %i never changes', (at, id) => {
    expect(groupedId(SOURCE, at)).toBe(id);
  });

  it('does not depend on earlier offsets', () => {
    const ids = createGroupedIds(SOURCE);
    const out = Buffer.alloc(100, '.');
    for (const at of [Number.MAX_SAFE_INTEGER, 5, 2 ** 40, 0]) {
      expect(ids.write(at, out, 30)).toBe(30 + UUID_BYTES);
      expect(out.toString('latin1')).toBe(`${'.'.repeat(30)}${groupedId(SOURCE, at)}${'.'.repeat(34)}`);
    }
  });

  it('differs between topics and between incarnations of a topic', () => {
    const others: SourceId[] = [
      SOURCE,
      { ...SOURCE, topic: 'source.pulse' },
      { ...SOURCE, incarnation: '0'.repeat(32) },
      // The same characters, split at another position.
      { topic: `${SOURCE.topic}0`, incarnation: SOURCE.incarnation.slice(1) },
    ];
    expect(new Set(others.map((other) => groupedId(other, 7))).size).toBe(others.length);
  });
});

describe('the id of a sum', () => {
  const windowStart = fc.nat().map((count) => count * 5000);

  it('is 122 bits of a digest of source, window and key', () => {
    fc.assert(
      fc.property(
        source,
        windowStart,
        fc.integer({ min: 1, max: 86_400_000 }),
        fc.uint8Array({ maxLength: 60 }),
        (from, startMs, windowMs, key) => {
          const id = aggregatedIds(from, startMs, windowMs)(key);
          expect(id).toBe(recipe(['aggregated', from.topic, from.incarnation, `${startMs}`, `${windowMs}`, key]));
          expect(id).toMatch(UUID_8);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('differs between sources, windows and keys', () => {
    const key = Buffer.from('key');
    const ids = [
      aggregatedIds(SOURCE, 5000, 5000)(key),
      aggregatedIds(SOURCE, 10_000, 5000)(key),
      aggregatedIds(SOURCE, 5000, 1000)(key),
      aggregatedIds(SOURCE, 5, 5_000_000)(key),
      aggregatedIds(SOURCE, 5000, 5000)(Buffer.from('other')),
      aggregatedIds(SOURCE, 5000, 5000)(Buffer.of()),
      aggregatedIds({ ...SOURCE, topic: 'other' }, 5000, 5000)(key),
      aggregatedIds({ ...SOURCE, incarnation: 'f'.repeat(32) }, 5000, 5000)(key),
    ];
    expect(new Set(ids).size).toBe(ids.length);
    expect(aggregatedIds(SOURCE, 5000, 5000)(key)).toBe(ids[0]);
  });

  it('is the digest of keys of every length around the blocks of SHA-256', () => {
    const ids = createAggregatedIds(SOURCE, 5000, 5000);
    const out = Buffer.alloc(100, '.');
    for (let length = 0; length <= 200; length += 1) {
      const key = Buffer.alloc(length, `${length}`);
      expect(ids.write(key, out, 30)).toBe(30 + UUID_BYTES);
      const id = recipe(['aggregated', SOURCE.topic, SOURCE.incarnation, '5000', '5000', key]);
      expect(out.toString('latin1')).toBe(`${'.'.repeat(30)}${id}${'.'.repeat(34)}`);
    }
  });

  it('does not depend on earlier keys', () => {
    const idOf = aggregatedIds(SOURCE, 5000, 5000);
    for (const length of [3, 700, 0, 80, 701, 3]) {
      const key = Buffer.alloc(length, 'k');
      expect(idOf(key)).toBe(recipe(['aggregated', SOURCE.topic, SOURCE.incarnation, '5000', '5000', key]));
    }
  });
});
