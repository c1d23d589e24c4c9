import { describe, expect, it } from '@jest/globals';
import { isPulsesError } from '@pulses/shared-errors';
import { SCALE } from '@pulses/testing-scale';
import fc from 'fast-check';
import { formatAmount } from './amount-writing';
import { createGroupedReader, type GroupedReader } from './grouped-reader';
import { parseGroupedPulse } from './output-readers';

const PADDING = 3;

interface Values {
  readonly tenant: string;
  readonly sku: string;
  readonly unit: string;
  readonly amount: string;
  readonly timestamp: number;
}

/** What a reader has read from a line between other bytes; `isInPlace` tells of the fast path. */
function read(line: Uint8Array, reader = createGroupedReader()): Values & { readonly isInPlace: boolean } {
  const bytes = Buffer.concat([Buffer.from('}"1'), line, Buffer.from('0}"')]);
  reader.read(bytes, PADDING, PADDING + line.length);
  const { tenantStart, tenantEnd, skuStart, skuEnd, unitStart, unitEnd, amount, timestamp }: GroupedReader = reader;
  const text = Buffer.from(reader.text);
  return {
    tenant: text.toString('utf8', tenantStart, tenantEnd),
    sku: text.toString('utf8', skuStart, skuEnd),
    unit: text.toString('utf8', unitStart, unitEnd),
    amount: formatAmount(amount),
    timestamp,
    isInPlace: reader.text === bytes,
  };
}

function readByDefinition(line: Uint8Array): Values {
  const { tenant_id, product_sku, use_unit, used_amount, timestamp } = parseGroupedPulse(
    Buffer.from(line).toString('utf8'),
  );
  return { tenant: tenant_id, sku: product_sku, unit: use_unit, amount: formatAmount(used_amount), timestamp };
}

/** The values, or the error's code and text. */
function outcome(work: () => Values): unknown {
  try {
    const { tenant, sku, unit, amount, timestamp } = work();
    return { tenant, sku, unit, amount, timestamp };
  } catch (error) {
    if (!isPulsesError(error)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

const ID = 'f30026f8-3a33-8c94-8000-0000001a2b3c';

const id = fc.oneof(
  { weight: 6, arbitrary: fc.constant(ID) },
  fc.constantFrom(
    ID.toUpperCase(),
    '00000000-0000-0000-0000-000000000000',
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
    'f30026f8-3a33-9c94-8000-0000001a2b3c',
    'f30026f8-3a33-8c94-c000-0000001a2b3c',
    'f30026f8-3a33-8c94-80000-000001a2b3c',
    'f30026f83a338c9480000000001a2b3c',
    '',
  ),
);

const labelText = fc.oneof(
  { weight: 4, arbitrary: fc.stringMatching(/^[a-z0-9.-]{1,12}$/) },
  fc.string({ unit: 'grapheme', maxLength: 8 }),
  fc.constantFrom('', 'x'.repeat(256), 'x'.repeat(257), 'é'.repeat(128), `${'é'.repeat(128)}x`, '\u0085', '\u007f'),
);
const label = fc.oneof(
  { weight: 6, arbitrary: labelText.map((text) => JSON.stringify(text)) },
  fc.constantFrom('"\\u0061"', '"\\/"', '"\\ud800"', '"a\tb"', '1', 'null', '"open'),
);

const DIGITS = '12345678901234567890';
const amount = fc.oneof(
  { weight: 2, arbitrary: fc.integer().map(String) },
  fc.constantFrom('0', '-0', '-0.0', '1e2', '-12.5E-3', '1e400', '0e999999999999', '01', '1.', '.5', '"1"', 'null'),
  fc.constantFrom(`${DIGITS}.${DIGITS}1234567890`, `-${DIGITS}`, `${DIGITS}0`, `0.${DIGITS}12345678901`),
  fc
    .tuple(fc.bigInt(-(10n ** 20n), 10n ** 20n), fc.bigInt(0n, 10n ** 30n))
    .map(([whole, fraction]) => `${whole}.${fraction.toString().padStart(30, '0')}`),
);
const integer = fc.oneof(
  { weight: 4, arbitrary: fc.nat().map(String) },
  fc.constantFrom(
    '0',
    '-0',
    '00',
    '1.0',
    '1e3',
    '1.5',
    '-1',
    '999999999999999',
    '9007199254740991',
    '9007199254740992',
  ),
);

const usual = fc
  .tuple(id, label, label, label, amount, integer, integer)
  .map(
    ([one, tenant, sku, unit, used, time, offset]) =>
      `{"object_id":"${one}","tenant_id":${tenant},"product_sku":${sku},"use_unit":${unit},` +
      `"used_amount":${used},"timestamp":${time},"source_offset":${offset}}`,
  );

/** Lines of another program: other orders, spaces, keys twice, keys more. */
const foreign = fc
  .tuple(
    fc.shuffledSubarray(
      [
        `"object_id":"${ID}"`,
        '"tenant_id":"a"',
        '"product_sku":"b"',
        '"use_unit":"c"',
        '"used_amount":1.5',
        '"timestamp":7',
        '"source_offset":8',
        '"used_amount":2',
        '"tenant_id":"d"',
        '"more":{}',
      ],
      { minLength: 6 },
    ),
    fc.constantFrom(',', ', ', ' ,'),
    fc.constantFrom('', ' ', '\r', '}', '{}'),
  )
  .map(([members, comma, behind]) => `{${members.join(comma)}}${behind}`);

/** A line with a byte changed, removed or added, also within a character. */
const damaged = fc
  .tuple(usual, fc.nat(), fc.integer({ min: 0, max: 255 }), fc.constantFrom(0, 1), fc.constantFrom(0, 1))
  .map(([text, at, byte, removed, added]) => {
    const line = Buffer.from(text);
    const position = at % line.length;
    return Buffer.concat([
      line.subarray(0, position),
      Buffer.of(byte === 10 ? 11 : byte).subarray(0, added),
      line.subarray(position + removed),
    ]);
  });

const anyLine = fc.oneof(
  { weight: 3, arbitrary: usual.map((line) => Buffer.from(line)) },
  foreign.map((line) => Buffer.from(line)),
  { weight: 2, arbitrary: damaged },
);

describe('the reader of grouped lines', () => {
  it('agrees with the parser on every line, in whatever order they come', () => {
    fc.assert(
      fc.property(fc.array(anyLine, { minLength: 1, maxLength: 4 }), (lines) => {
        const reader = createGroupedReader();
        for (const line of lines)
          expect(outcome(() => read(line, reader))).toEqual(outcome(() => readByDefinition(line)));
      }),
      { numRuns: SCALE.sizeOf({ sample: 3_000, fault: 40_000 }) },
    );
  });

  it.each(['1.5', '-3', `-${DIGITS}.${DIGITS}1234567891`, '1e2'])('reads a usual line of %s in place', (used) => {
    const line = Buffer.from(
      `{"object_id":"${ID}","tenant_id":"acmé","product_sku":"vm","use_unit":"h","used_amount":${used},"timestamp":1700000000,"source_offset":1715004}`,
    );
    expect(read(line)).toEqual({ ...readByDefinition(line), isInPlace: true });
  });

  it('reads a label with an escape in full', () => {
    const line = Buffer.from(
      `{"object_id":"${ID}","tenant_id":"a\\"b","product_sku":"vm","use_unit":"h","used_amount":1,"timestamp":1,"source_offset":1}`,
    );
    expect(read(line)).toEqual({ tenant: 'a"b', sku: 'vm', unit: 'h', amount: '1', timestamp: 1, isInPlace: false });
  });
});
