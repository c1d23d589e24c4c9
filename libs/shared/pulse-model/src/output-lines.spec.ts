import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseAmount } from './amount-reading';
import { formatAmount } from './amount-writing';
import { createKeyFields, type KeyFieldsSource } from './key-fields';
import { createAggregatedIds, createGroupedIds, UUID_BYTES, type SourceId } from './object-ids';
import {
  createAggregatedLines,
  deadLetterLine,
  GROUPED_LINE_OVERHEAD_BYTES,
  secondsText,
  windowText,
  writeGroupedLine,
  type WindowFacts,
} from './output-lines';
import { parseAggregatedPulse, parseDeadLetter, parseGroupedPulse } from './output-readers';
import { aggregatedTopic, deadLetterTopic, encodeTenant, groupedTopic, topicKindOf } from './topic-names';

const SOURCE = { topic: 'source.pulses', incarnation: '000102030405060708090a0b0c0d0e0f' };

/** Key fields of one key with id 0. */
const keyFieldsOf = (tenant: string, sku: string, unit: string) => {
  const [t, s, u] = [tenant, sku, unit].map((text) => Buffer.from(text)) as [Buffer, Buffer, Buffer];
  const text = Buffer.concat([t, s, u]);
  const keyFields = createKeyFields();
  keyFields.add(text, 0, t.length, t.length, t.length + s.length, t.length + s.length, text.length);
  return keyFields;
};

function groupedLine(
  offset: number,
  tenant: string,
  sku: string,
  unit: string,
  amount: string,
  timestampS: number,
  source: SourceId = SOURCE,
): string {
  const limbs = parseAmount(amount);
  if (!limbs) throw new Error(`${amount} is an amount`);
  const keyFields = keyFieldsOf(tenant, sku, unit);
  const out = new Uint8Array(3 + GROUPED_LINE_OVERHEAD_BYTES + keyFields.lengthOf(0));
  const end = writeGroupedLine(out, 3, createGroupedIds(source), offset, keyFields, 0, limbs, 0, timestampS);
  return Buffer.from(out.subarray(3, end)).toString('utf8');
}

const WINDOW: WindowFacts = {
  source: SOURCE,
  windowStartMs: 1_700_000_000_000,
  windowMs: 5000,
  fromOffset: 10,
  toOffset: 99,
};

interface Sum {
  readonly key: Uint8Array;
  readonly limbs: Float64Array;
  readonly pulseCount: number;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
}

/** The line of the key with id 0, written between other bytes. */
function aggregatedLine(window: WindowFacts, keyFields: KeyFieldsSource, sum: Sum): string {
  const lines = createAggregatedLines(window, keyFields);
  const room = lines.overheadBytes + keyFields.lengthOf(0);
  const out = Buffer.alloc(3 + room + 3, '.');
  const { key, limbs, pulseCount, firstSeenMs, lastSeenMs } = sum;
  const end = lines.write(out, 3, 0, key, Float64Array.of(7, ...limbs), 1, pulseCount, firstSeenMs, lastSeenMs);
  expect(end).toBeLessThanOrEqual(3 + room);
  expect(out.toString('latin1', 0, 3) + out.toString('latin1', 3 + room)).toBe('......');
  return out.toString('utf8', 3, end);
}

function idOf({ source, windowStartMs, windowMs }: WindowFacts, key: Uint8Array): string {
  const out = Buffer.alloc(UUID_BYTES);
  createAggregatedIds(source, windowStartMs, windowMs).write(key, out, 0);
  return out.toString('latin1');
}

describe('output lines', () => {
  it('writes a grouped pulse', () => {
    expect(groupedLine(0x1a2b3c, 'acme', 'vm "x"', 'h', '1.50', 1_700_000_000)).toBe(
      '{"object_id":"f30026f8-3a33-8c94-8000-0000001a2b3c","tenant_id":"acme","product_sku":"vm \\"x\\"",' +
        '"use_unit":"h","used_amount":1.5,"timestamp":1700000000,"source_offset":1715004}\n',
    );
  });

  it('names the partition of a source that has some, last in a line and in what a sum read', () => {
    const source = { ...SOURCE, partition: 2_147_483_647 };
    const line = groupedLine(7, 'a', 'b', 'c', '1', 1_700_000_000, source);
    expect(line).toMatch(/,"source_offset":7,"source_partition":2147483647}\n$/);
    expect(parseGroupedPulse(line)).toMatchObject({ source_offset: 7, source_partition: 2_147_483_647 });
    const limbs = parseAmount('1') ?? [];
    const sum = {
      key: Buffer.from('key'),
      limbs: Float64Array.from(limbs),
      pulseCount: 1,
      firstSeenMs: 1,
      lastSeenMs: 1,
    };
    const aggregated = aggregatedLine(
      { ...WINDOW, source: { ...SOURCE, partition: 0 } },
      keyFieldsOf('a', 'b', 'c'),
      sum,
    );
    expect(aggregated).toMatch(/,"source":{"topic":"source.pulses","partition":0,"from_offset":10,"to_offset":99}}\n$/);
    expect(parseAggregatedPulse(aggregated).source.partition).toBe(0);
    const letter = deadLetterLine(
      7,
      'not_json',
      'the line is not JSON',
      Buffer.from('x'),
      1_700_000_000_000,
      3,
    ).toString();
    expect(letter).toMatch(/,"timestamp":1700000000,"source_partition":3}\n$/);
    expect(parseDeadLetter(letter)).toMatchObject({ source_partition: 3 });
  });

  it('writes an aggregated pulse', () => {
    const limbs = parseAmount('-0.25');
    if (!limbs) throw new Error('it is an amount');
    const sum = { key: Buffer.from('key'), limbs, pulseCount: 3, firstSeenMs: 1_700_000_000_120 };
    expect(aggregatedLine(WINDOW, keyFieldsOf('a', 'b', 'c'), { ...sum, lastSeenMs: 1_700_000_001_000 })).toBe(
      '{"object_id":"2403dcd3-0582-81cf-9f87-e781afba8698","tenant_id":"a","product_sku":"b","use_unit":"c",' +
        '"total_amount":-0.25,"window":"5s","timestamp":1700000005,"window_start":1700000000,"window_end":1700000005,' +
        '"pulse_count":3,"first_seen":1700000000.12,"last_seen":1700000001,' +
        '"source":{"topic":"source.pulses","from_offset":10,"to_offset":99}}\n',
    );
  });

  it('writes every aggregated pulse as JSON would, within its bound of bytes', () => {
    const limb = fc.integer({ min: 1 - 1e15, max: 1e15 - 1 });
    const small = fc.constantFrom(0, 0, 1, -1, 1e14, 1e15 - 1);
    const timeMs = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constantFrom(0, 1, 10, 100, 999, 1_700_000_000_050));
    fc.assert(
      fc.property(
        fc.record({
          topic: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
          windowStartMs: fc.nat().map((seconds) => seconds * 1000),
          windowMs: fc.integer({ min: 1, max: 86_400_000 }),
          fromOffset: fc.maxSafeNat(),
          toOffset: fc.maxSafeNat(),
        }),
        fc.tuple(fc.maxSafeInteger(), fc.oneof(limb, small), fc.oneof(limb, small), fc.oneof(limb, small)),
        fc.record({
          key: fc.uint8Array({ maxLength: 60 }),
          pulseCount: fc.maxSafeNat(),
          firstSeenMs: timeMs,
          lastSeenMs: timeMs,
        }),
        ({ topic, ...times }, amount, sum) => {
          const window = { ...times, source: { ...SOURCE, topic } };
          const limbs = Float64Array.from(amount);
          const line = aggregatedLine(window, keyFieldsOf('ä"', 'b', '\u{1f600}'), { ...sum, limbs });
          expect(line.slice(0, -1)).toBe(
            `{"object_id":"${idOf(window, sum.key)}","tenant_id":"ä\\"","product_sku":"b","use_unit":"\u{1f600}",` +
              `"total_amount":${formatAmount(limbs)},"window":"${windowText(window.windowMs)}",` +
              `"timestamp":${secondsText(window.windowStartMs + window.windowMs)},` +
              `"window_start":${secondsText(window.windowStartMs)},` +
              `"window_end":${secondsText(window.windowStartMs + window.windowMs)},"pulse_count":${sum.pulseCount},` +
              `"first_seen":${secondsText(sum.firstSeenMs)},"last_seen":${secondsText(sum.lastSeenMs)},` +
              `"source":${JSON.stringify({ topic, from_offset: window.fromOffset, to_offset: window.toOffset })}}`,
          );
          expect(line.at(-1)).toBe('\n');
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('has room for the longest aggregated pulse', () => {
    const most = Number.MAX_SAFE_INTEGER;
    const limbs = Float64Array.of(-most, 1 - 1e15, 1 - 1e15, 1 - 1e15);
    const times = { firstSeenMs: most, lastSeenMs: most };
    const line = aggregatedLine(WINDOW, keyFieldsOf('a', 'b', 'c'), {
      key: Buffer.of(),
      limbs,
      pulseCount: most,
      ...times,
    });
    expect(line).toContain('"first_seen":9007199254740.991,"last_seen":9007199254740.991,');
  });

  it('writes a dead letter', () => {
    const line = deadLetterLine(
      7,
      'not_json',
      'the line is not JSON',
      Buffer.of(0xff, 0x00),
      1_700_000_000_999,
    ).toString();
    expect(line).toBe(
      '{"source_offset":7,"reason":"not_json","detail":"the line is not JSON","raw":"/wA=","timestamp":1700000000}\n',
    );
    expect(parseDeadLetter(line)).toMatchObject({ source_offset: 7, raw: '/wA=' });
  });

  it('can be read back exactly', () => {
    const label = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 30 })
      .filter((text) => !/\p{Cc}/u.test(text) && text.isWellFormed());
    fc.assert(
      fc.property(
        fc.maxSafeNat(),
        label,
        label,
        label,
        fc.bigInt({ min: -(10n ** 20n) + 1n, max: 10n ** 20n - 1n }),
        fc.nat(),
        (offset, tenant, sku, unit, amount, time) => {
          const read = parseGroupedPulse(groupedLine(offset, tenant, sku, unit, String(amount), time));
          expect({ ...read, used_amount: formatAmount(read.used_amount) }).toMatchObject({
            tenant_id: tenant,
            product_sku: sku,
            use_unit: unit,
            used_amount: String(amount),
            timestamp: time,
            source_offset: offset,
          });
        },
      ),
    );
    expect(() => parseGroupedPulse('{}')).toThrow(/grouped pulse/);
    expect(() => parseAggregatedPulse('x')).toThrow(/aggregated pulse/);
  });

  it('formats times and window lengths', () => {
    expect([0, 1, 10, 1500, 1_700_000_000_000].map(secondsText)).toEqual(['0', '0.001', '0.01', '1.5', '1700000000']);
    expect([500, 1000, 5000, 60_000, 1500].map(windowText)).toEqual(['500ms', '1s', '5s', '60s', '1500ms']);
  });
});

describe('object ids', () => {
  it('differ for every offset, topic and incarnation, and are UUIDs of version 8', () => {
    const idOf = (topic: string, incarnation: string, offset: number) => {
      const out = new Uint8Array(36);
      createGroupedIds({ topic, incarnation }).write(offset, out, 0);
      return Buffer.from(out).toString();
    };
    const other = 'f'.repeat(32);
    const ids = [0, 1, 15, 16, 2 ** 32, 2 ** 48, Number.MAX_SAFE_INTEGER].map((offset) =>
      idOf(SOURCE.topic, SOURCE.incarnation, offset),
    );
    ids.push(idOf('other', SOURCE.incarnation, 0), idOf(SOURCE.topic, other, 0));
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(idOf(SOURCE.topic, SOURCE.incarnation, Number.MAX_SAFE_INTEGER).slice(19)).toBe('801f-ffffffffffff');
  });
});

describe('topic names', () => {
  it('keep tenants apart', () => {
    expect(encodeTenant(Buffer.from('a.b'))).toBe('a%2Eb');
    expect(encodeTenant(Buffer.from('ü/_-Z9%'))).toBe('%C3%BC%2F_-Z9%25');
    expect(encodeTenant(Buffer.from('x'.repeat(180)))).toBe('x'.repeat(180));
    expect(encodeTenant(Buffer.from('x'.repeat(181)))).toMatch(/^sha256=[0-9a-f]{64}$/);
    expect(encodeTenant(Buffer.from('.'.repeat(60)))).toBe('%2E'.repeat(60));
    expect(encodeTenant(Buffer.from('.'.repeat(61)))).toMatch(/^sha256=/);
  });

  it('identify the kind of a topic', () => {
    expect(
      [groupedTopic('t'), aggregatedTopic('t'), deadLetterTopic('source.pulses'), 'source.pulses', 'x'].map(
        topicKindOf,
      ),
    ).toEqual(['grouped', 'aggregated', 'dead_letter', 'source', 'source']);
  });
});
