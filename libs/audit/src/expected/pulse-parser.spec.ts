import { describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import { createPulseReader, DEAD_LETTER_REASONS, formatAmount } from '@pulses/shared-pulse-model';
import fc from 'fast-check';
import { parsePulse } from './pulse-parser';

const reader = createPulseReader();

/** The same in words that both readers share. */
function ofPipeline(bytes: Buffer): unknown {
  if (!reader.read(bytes, 0, bytes.byteLength)) return reader.reason;
  const text = Buffer.from(reader.text);
  return [
    text.toString('utf8', reader.tenantStart, reader.tenantEnd),
    text.toString('utf8', reader.skuStart, reader.skuEnd),
    text.toString('utf8', reader.unitStart, reader.unitEnd),
    formatAmount(reader.amount),
  ];
}

function ofAudit(bytes: Buffer): unknown {
  const reading = parsePulse(bytes);
  if (typeof reading === 'string') return reading;
  return [reading.tenantId, reading.productSku, reading.useUnit, formatAmount(reading.usedAmount)];
}

const GOOD = '"tenant_id":"a","product_sku":"s","used_ammount":1,"use_unity":"u"';
const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;

const CASES: [string, string | Buffer, unknown][] = [
  ['a pulse', `{${GOOD}}`, ['a', 's', 'u', '1']],
  [
    'the other spellings',
    '{"tenant_id":"a","product_sku":"s","used_amount":"-1e-2","use_unit":"u"}',
    ['a', 's', 'u', '-0.01'],
  ],
  [
    '2^53 + 1',
    '{"tenant_id":"a","product_sku":"s","used_ammount":9007199254740993,"use_unity":"u"}',
    ['a', 's', 'u', '9007199254740993'],
  ],
  ['an escaped key', `{"tenant\\u005fid":"a",${GOOD.slice(16)}}`, ['a', 's', 'u', '1']],
  ['a deeply nested unknown key', `{${GOOD},"x":${deep}}`, ['a', 's', 'u', '1']],
  ['a key named __proto__', `{${GOOD},"__proto__":{"tenant_id":"b"}}`, ['a', 's', 'u', '1']],
  ['a long string', `{${GOOD},"x":"${'\\n'.repeat(400_000)}"}`, ['a', 's', 'u', '1']],
  ['a nested key of ours', `{${GOOD},"x":{"tenant_id":"b"}}`, ['a', 's', 'u', '1']],
  ['a line of more than 1 MiB', `{${GOOD},"x":"${' '.repeat(1024 * 1024)}"}`, 'line_too_long'],
  ['invalid UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'invalid_utf8'],
  ['a byte-order mark', `\ufeff{${GOOD}}`, 'not_json'],
  ['nothing but space', '  ', 'not_json'],
  ['an array', '[1]', 'not_object'],
  ['null', 'null', 'not_object'],
  ['a duplicate key', `{${GOOD},"tenant_id":"b"}`, 'duplicate_key'],
  ['a duplicate key in escapes', `{${GOOD},"tenant\\u005fid":"b"}`, 'duplicate_key'],
  ['a duplicate unknown key', `{${GOOD},"x":1,"x":1}`, 'duplicate_key'],
  ['both spellings', `{${GOOD},"use_unit":"u"}`, 'conflicting_keys'],
  ['both spellings, one null', `{${GOOD},"used_amount":null}`, 'conflicting_keys'],
  ['a missing key', '{"product_sku":"s","used_ammount":1,"use_unity":"u"}', 'missing_key'],
  ['a number for a tenant', '{"tenant_id":1,"product_sku":"s","used_ammount":1,"use_unity":"u"}', 'wrong_type'],
  ['null for a unit', '{"tenant_id":"a","product_sku":"s","used_ammount":1,"use_unity":null}', 'wrong_type'],
  ['an array for an amount', '{"tenant_id":"a","product_sku":"s","used_ammount":[1],"use_unity":"u"}', 'wrong_type'],
  ['text for an amount', '{"tenant_id":"a","product_sku":"s","used_ammount":"1 h","use_unity":"u"}', 'invalid_value'],
  [
    'a control character',
    '{"tenant_id":"a\\u0085","product_sku":"s","used_ammount":1,"use_unity":"u"}',
    'invalid_value',
  ],
  [
    'half a surrogate pair',
    '{"tenant_id":"a\\ud800","product_sku":"s","used_ammount":1,"use_unity":"u"}',
    'invalid_value',
  ],
  ['an empty pulse_id', `{${GOOD},"pulse_id":""}`, 'invalid_value'],
  ['text for a timestamp', `{${GOOD},"timestamp":"1"}`, 'wrong_type'],
  ['a timestamp beyond measure', `{${GOOD},"timestamp":1e400}`, 'number_out_of_range'],
  [
    'an amount beyond measure',
    '{"tenant_id":"a","product_sku":"s","used_ammount":1e400,"use_unity":"u"}',
    'number_out_of_range',
  ],
];

const text = fc.oneof(
  fc.constantFrom('', 'a', 'ü', '"', '\u0000', '\u0085', '\ud800', 'x'.repeat(256), 'é'.repeat(129), '__proto__'),
  fc.string({ unit: 'binary', maxLength: 4 }),
);
const value = fc.oneof(
  text.map((string) => JSON.stringify(string)),
  fc.constantFrom(
    '1',
    '-0',
    '0.1',
    '1e20',
    '1e19',
    '1e-30',
    '1e-31',
    'null',
    'true',
    '[]',
    '{"a":[1,"}"]}',
    '"1.5"',
    '"0x1"',
    '" 1"',
    '01',
    '"1e400"',
  ),
);
const name = fc.constantFrom(
  'tenant_id',
  'product_sku',
  'use_unity',
  'use_unit',
  'used_ammount',
  'used_amount',
  'pulse_id',
  'timestamp',
  'other',
  'tenant\\u005fid',
);
const anyObject = fc
  .array(fc.tuple(name, value), { maxLength: 8 })
  .map((members) => `{${members.map(([key, text]) => `"${key}": ${text}`).join(' , ')}}`);
const nearlyAPulse = fc
  .array(fc.tuple(name, value), { maxLength: 2 })
  .chain((changes) => {
    const members = new Map([
      ['tenant_id', '"a"'],
      ['product_sku', '"s"'],
      ['used_ammount', '1'],
      ['use_unity', '"u"'],
      ...changes,
    ]);
    return fc.shuffledSubarray([...members], { minLength: Math.max(3, members.size - 1) });
  })
  .map((members) => `{${members.map(([key, text]) => `"${key}":${text}`).join(',')}}`);

describe("the audit's reading of the source", () => {
  it.each(CASES)('decides %s as the contract does', (_what, line, expected) => {
    const bytes = Buffer.from(line as string);
    expect(ofAudit(bytes)).toEqual(expected);
    expect(ofPipeline(bytes)).toEqual(expected);
  });

  it('has a case for every reason', () => {
    const reasons = new Set(CASES.map(([, , expected]) => expected).filter((expected) => typeof expected === 'string'));
    expect(reasons).toEqual(new Set(DEAD_LETTER_REASONS));
  });

  it('agrees with the codec of the pipeline, of which it shares nothing', () => {
    fc.assert(
      fc.property(fc.oneof(anyObject, nearlyAPulse, fc.json()), (line) => {
        const bytes = Buffer.from(line);
        expect(ofAudit(bytes)).toEqual(ofPipeline(bytes));
      }),
      { numRuns: SCALE.sizeOf({ sample: 400, fault: 5000 }) },
    );
  });

  it('agrees on bytes that are changed at one place', () => {
    fc.assert(
      fc.property(nearlyAPulse, fc.nat(), fc.nat(255), (line, place, byte) => {
        const bytes = Buffer.from(line);
        if (byte !== 10) bytes[place % bytes.byteLength] = byte;
        expect(ofAudit(bytes)).toEqual(ofPipeline(bytes));
      }),
      { numRuns: SCALE.sizeOf({ sample: 400, fault: 5000 }) },
    );
  });
});
