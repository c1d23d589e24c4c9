import { describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import { isUtf8 } from 'node:buffer';
import { formatAmount } from '@pulses/shared-pulse-model';
import fc from 'fast-check';
import { textOf, unitsOf } from '../testing/decimal';
import { FastPulseParser, PulseFields } from './pulse-parser.fast';
import { parsePulse } from './pulse-parser';

const parser = new FastPulseParser();
const common = new PulseFields();

/** The fields that the fast path finds; undefined when it leaves the message to the full parser. */
function byFastPath(message: Buffer): unknown {
  const bytes = Buffer.concat([message, Buffer.from('\nrest')]);
  const end = parser.parse(bytes, 0, isUtf8(bytes), common);
  if (end < 0) return undefined;
  expect(end).toBe(message.byteLength);
  const text = Buffer.from(common.text);
  return [
    text.toString('utf8', common.tenantStart, common.tenantEnd),
    text.toString('utf8', common.skuStart, common.skuEnd),
    text.toString('utf8', common.unitStart, common.unitEnd),
    formatAmount(common.amount),
  ];
}

function inFull(message: Buffer): unknown {
  const reading = parsePulse(message);
  if (typeof reading === 'string') return reading;
  return [reading.tenantId, reading.productSku, reading.useUnit, formatAmount(reading.usedAmount)];
}

function pulse(amount: string): Buffer {
  return Buffer.from(`{"tenant_id":"a","product_sku":"s","used_ammount":${amount},"use_unity":"u"}`);
}

const text = fc.oneof(
  fc.constantFrom(
    '',
    'a',
    'ü',
    '漢字',
    '"',
    '\\',
    '\u0000',
    '\u007f',
    '\u0085',
    '\u00a0',
    '\ud800',
    '😀',
    'x'.repeat(256),
    'x'.repeat(257),
  ),
  fc.string({ unit: 'binary', maxLength: 4 }),
);
const value = fc.oneof(
  text.map((string) => JSON.stringify(string)),
  text.filter((string) => !/["\\\n]/.test(string)).map((string) => `"${string}"`),
  fc.constantFrom(
    '1',
    '-0',
    '0',
    '-',
    '1.',
    '.5',
    '0.10',
    '01',
    '1e2',
    '1E-2',
    '123456789012345',
    '1234567890123456',
    '99999999999999999999',
    '1e20',
    '0.123456789012345678901234567890',
    '0.1234567890123456789012345678901',
    'null',
    'true',
    'false',
    'nul',
    '[]',
    '{}',
    '"1.5"',
    '"1e1"',
    '" 1"',
    '"-2"',
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
  'others',
  'a',
  'b',
  'c',
  'd',
  'tenant\\u005fid',
);
const space = fc.constantFrom('', '', '', ' ', '\t', '\r', '  ');
const nearlyAPulse = fc
  .tuple(fc.array(fc.tuple(name, value), { maxLength: 3 }), fc.boolean())
  .chain(([changes, isDoubled]) => {
    const base: [string, string][] = [
      ['tenant_id', '"a"'],
      ['product_sku', '"s"'],
      ['used_ammount', '1.25'],
      ['use_unity', '"u"'],
    ];
    const members = isDoubled ? [...base, ...changes] : [...new Map([...base, ...changes])];
    return fc.tuple(fc.shuffledSubarray(members, { minLength: members.length - 1 }), space, space);
  })
  .map(
    ([members, one, other]) =>
      `${one}{${one}${members.map(([key, member]) => `"${key}"${other}:${one}${member}`).join(`${other},${one}`)}${other}}${one}`,
  );

const LINES = SCALE.sizeOf({ sample: 800, fault: 10_000 });

describe('the fast path of the pulse parser', () => {
  it('agrees with the full parser wherever it decides', () => {
    let decided = 0;
    fc.assert(
      fc.property(nearlyAPulse, (line) => {
        const message = Buffer.from(line);
        const fast = byFastPath(message);
        if (fast === undefined) return;
        decided += 1;
        expect(fast).toEqual(inFull(message));
      }),
      { numRuns: LINES },
    );
    expect(decided).toBeGreaterThan(LINES / 10);
  });

  it('agrees on bytes that are changed at one place', () => {
    fc.assert(
      fc.property(nearlyAPulse, fc.nat(), fc.nat(255), (line, place, byte) => {
        const message = Buffer.from(line);
        if (byte !== 10) message[place % message.byteLength] = byte;
        const fast = byFastPath(message);
        if (fast !== undefined) expect(fast).toEqual(inFull(message));
      }),
      { numRuns: LINES },
    );
  });

  it.each([
    '{"tenant_id":"tenant-1","product_sku":"sku-1","used_ammount":1.5,"use_unity":"h"}',
    '{"tenant_id": "ünï", "product_sku": "sku-1", "used_amount": "-0.25", "use_unit": "h"}',
    '{"region":"eu","tenant_id":"t","used_ammount":99999999999999999999.5,"use_unity":"h","product_sku":"s","n":1,"b":true}',
    '{"tenant_id":"t","product_sku":"s","used_ammount":1,"use_unity":"h","pulse_id":"p","timestamp":1700000000.125}',
  ])('decides the common shape %s', (line) => {
    expect(byFastPath(Buffer.from(line))).toEqual(inFull(Buffer.from(line)));
    expect(byFastPath(Buffer.from(line))).not.toBeUndefined();
  });

  it('decides nothing about a line of more than 1 MiB', () => {
    const fits = 1024 * 1024 - pulse('1').byteLength;
    expect(byFastPath(Buffer.concat([pulse('1'), Buffer.alloc(fits, ' ')]))).toEqual(['a', 's', 'u', '1']);
    expect(byFastPath(Buffer.concat([pulse('1'), Buffer.alloc(fits + 1, ' ')]))).toBeUndefined();
  });

  it('takes amounts exactly, as BigInt does', () => {
    const digits = (max: number) => fc.stringMatching(new RegExp(`^[0-9]{1,${max}}$`));
    fc.assert(
      fc.property(fc.constantFrom('', '-'), digits(20), fc.option(digits(30)), (sign, whole, fraction) => {
        const amount = `${sign}${whole.replace(/^0+(?=.)/, '')}${fraction === null ? '' : `.${fraction}`}`;
        expect(byFastPath(pulse(amount))).toEqual(['a', 's', 'u', textOf(unitsOf(amount))]);
      }),
      { numRuns: SCALE.sizeOf({ sample: 400, fault: 5000 }) },
    );
  });
});
