// The rules of a pulse, row by row: valid messages with their values, and invalid ones with their reason.
//
// Each row is read in several equivalent forms: with keys in two orders, with needless escapes, and with white space
// everywhere. So it covers the fast path and the full path.

import { describe, expect, it } from '@jest/globals';
import { formatAmount } from './amount-writing';
import type { DeadLetterReason } from './dead-letter-reason';
import { createPulseReader } from './pulse-reader';

const MEMBERS = { tenant_id: '"t"', product_sku: '"s"', used_ammount: '1', use_unity: '"u"' };
type Members = Readonly<Record<string, string>>;

interface Values {
  readonly tenant: string;
  readonly sku: string;
  readonly unit: string;
  readonly amount: string;
}

function read(line: string | Buffer): Values | DeadLetterReason {
  const reader = createPulseReader();
  const bytes = Buffer.from(line as string);
  if (!reader.read(bytes, 0, bytes.byteLength)) {
    expect(reader.detail).not.toBe('');
    return reader.reason;
  }
  const slice = (start: number, end: number) => Buffer.from(reader.text.slice(start, end)).toString('utf8');
  return {
    tenant: slice(reader.tenantStart, reader.tenantEnd),
    sku: slice(reader.skuStart, reader.skuEnd),
    unit: slice(reader.unitStart, reader.unitEnd),
    amount: formatAmount(reader.amount),
  };
}

const escapeAll = (key: string) =>
  [...key].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');

/** The same members in equivalent forms. No value may contain a colon. */
function shapesOf(members: readonly (readonly [string, string])[]): string[] {
  const write = (list: readonly (readonly [string, string])[], key: (name: string) => string) =>
    `{${list.map(([name, value]) => `"${key(name)}":${value}`).join(',')}}`;
  const plain = write(members, (name) => name);
  return [
    plain,
    write([...members].reverse(), (name) => name),
    write(members, escapeAll),
    ` \t${plain.replaceAll(':', '\t: ').replace('{', '{ ')} \r`,
  ];
}

function readEachShape(changes: Members, without: readonly string[] = []): Values | DeadLetterReason {
  const members = Object.entries({ ...MEMBERS, ...changes }).filter(([key]) => !without.includes(key));
  const results = shapesOf(members).map(read);
  for (const result of results) expect(result).toEqual(results[0]);
  return results[0]!; // there are four shapes
}

const amountOf = (value: string) => {
  const result = readEachShape({ used_ammount: value });
  return typeof result === 'string' ? result : result.amount;
};

const DIGITS_20 = '12345678901234567890';
const DIGITS_30 = '123456789012345678901234567891';

describe('an amount', () => {
  it.each([
    ['0', '0'],
    ['-0', '0'],
    ['-0.0e5', '0'],
    ['1E2', '100'],
    ['1e+2', '100'],
    ['1.50', '1.5'],
    ['-12.5e-3', '-0.0125'],
    ['9007199254740993', '9007199254740993'],
    ['0.1', '0.1'],
    [DIGITS_20, DIGITS_20],
    [`-${DIGITS_20}.${DIGITS_30}`, `-${DIGITS_20}.${DIGITS_30}`],
    // In range only after the exponent is applied.
    ['1e19', '10000000000000000000'],
    [`${DIGITS_20}0e-1`, DIGITS_20],
    ['1000000000000000000000e-21', '1'],
    [`0.${'0'.repeat(40)}1e11`, `0.${'0'.repeat(29)}1`],
    [`0.${'0'.repeat(50)}5e51`, '5'],
    [`1.${'0'.repeat(400)}`, '1'],
    ['0e999999999999', '0'],
    ['1e-30', `0.${'0'.repeat(29)}1`],
  ])('reads %s exactly, as a number and in a string', (text, amount) => {
    expect(amountOf(text)).toBe(amount);
    expect(amountOf(`"${text}"`)).toBe(amount);
  });

  it.each([
    '1e400',
    '-1e400',
    '1e20',
    `${DIGITS_20}1`,
    '100000000000000000000',
    `${DIGITS_20}e1`,
    '1e-31',
    `0.${DIGITS_30}1`,
    `0.${'0'.repeat(30)}1`,
    `${DIGITS_20}.${DIGITS_30}1`,
    '1e-400',
    '1e99999999999999999999',
    '1e-99999999999999999999',
  ])('is out of range: %s', (text) => {
    expect(amountOf(text)).toBe('number_out_of_range');
    expect(amountOf(`"${text}"`)).toBe('number_out_of_range');
  });

  it.each([
    '',
    ' 1',
    '1 ',
    '\\t1',
    '+1',
    '01',
    '.5',
    '5.',
    '1e',
    '1,5',
    '0x10',
    'NaN',
    'Infinity',
    '-',
    '1_000',
    '１',
    '1\\u0000',
    '"1"'.replaceAll('"', '\\"'),
  ])('is invalid in the string "%s"', (text) => {
    expect(amountOf(`"${text}"`)).toBe('invalid_value');
  });

  it('may contain escapes in a string', () => {
    expect(amountOf('"\\u0031\\u002e5"')).toBe('1.5');
  });

  it.each(['01', '+1', '.5', '5.', '1e', 'NaN', 'Infinity', '-Infinity', '0x10', "'1'", ''])(
    'is not JSON when written %s',
    (text) => {
      expect(amountOf(text)).toBe('not_json');
    },
  );

  it.each(['null', 'true', '{}', '[1]'])('cannot be %s', (text) => {
    expect(amountOf(text)).toBe('wrong_type');
  });
});

describe('a label', () => {
  const KEYS = [
    ['tenant_id', 'tenant'],
    ['product_sku', 'sku'],
    ['use_unity', 'unit'],
  ] as const;

  it.each(KEYS)('%s has 1 to 256 bytes of UTF-8', (key, field) => {
    for (const label of ['x', 'x'.repeat(256), 'é'.repeat(128), '日'.repeat(85), '😀'.repeat(64)])
      expect(readEachShape({ [key]: `"${label}"` })).toMatchObject({ [field]: label });
    for (const label of ['', 'x'.repeat(257), `${'é'.repeat(128)}x`, '日'.repeat(86), `${'😀'.repeat(64)}x`])
      expect(readEachShape({ [key]: `"${label}"` })).toBe('invalid_value');
  });

  it.each(KEYS)('%s counts bytes, not escapes', (key, field) => {
    expect(readEachShape({ [key]: `"${'\\u00e9'.repeat(128)}"` })).toMatchObject({ [field]: 'é'.repeat(128) });
    expect(readEachShape({ [key]: `"${'\\u00e9'.repeat(129)}"` })).toBe('invalid_value');
  });

  it.each(KEYS)('%s has no control characters, escaped or not', (key, _field) => {
    for (const control of [
      '\\u0000',
      '\\n',
      '\\t',
      '\\u001f',
      '\\u007f',
      '\\u0080',
      '\\u009f',
      '\u007f',
      '\u0080',
      '\u009f',
    ])
      expect(readEachShape({ [key]: `"a${control}b"` })).toBe('invalid_value');
    for (const raw of ['\u0000', '\u001f', '\t', '\r']) expect(readEachShape({ [key]: `"a${raw}b"` })).toBe('not_json');
  });

  it.each(KEYS)('%s has no lone surrogate, and keeps surrogate pairs', (key, field) => {
    for (const half of ['\\ud800', '\\udfff', '\\ud800x', '\\udc00\\ud800', '\\ud800\\ud800\\udc00', '\\ud800\\u0041'])
      expect(readEachShape({ [key]: `"${half}"` })).toBe('invalid_value');
    expect(readEachShape({ [key]: '"\\ud83d\\ude00"' })).toMatchObject({ [field]: '😀' });
    expect(readEachShape({ [key]: '"\ufffd"' })).toMatchObject({ [field]: '\ufffd' });
  });

  it.each(KEYS)('%s keeps characters that only look special', (key, field) => {
    for (const label of ['__proto__', 'constructor', 'a.b', ' ', '\u00a0', '\u2028', '\ufeff', '0', 'null'])
      expect(readEachShape({ [key]: `"${label}"` })).toMatchObject({ [field]: label });
    for (const [json, label] of [
      ['\\"', '"'],
      ['\\\\', '\\'],
      ['\\/', '/'],
      ['\\u0041', 'A'],
    ] as const)
      expect(readEachShape({ [key]: `"${json}"` })).toMatchObject({ [field]: label });
  });

  it.each(KEYS)('%s is required and a string', (key, _field) => {
    for (const value of ['1', 'null', 'true', '[]', '{}', '["t"]'])
      expect(readEachShape({ [key]: value })).toBe('wrong_type');
    expect(readEachShape({}, [key])).toBe('missing_key');
  });

  it('differs from another one that looks the same', () => {
    const composed = readEachShape({ tenant_id: '"\u00e9"' });
    const decomposed = readEachShape({ tenant_id: '"e\u0301"' });
    expect(composed).not.toEqual(decomposed);
  });
});

describe('keys', () => {
  it('may have the corrected spelling, but not both', () => {
    expect(readEachShape({ used_amount: '2', use_unit: '"k"' }, ['used_ammount', 'use_unity'])).toMatchObject({
      amount: '2',
      unit: 'k',
    });
    expect(readEachShape({ used_amount: '2' }, ['used_ammount'])).toMatchObject({ amount: '2', unit: 'u' });
    expect(readEachShape({ used_amount: '1' })).toBe('conflicting_keys');
    expect(readEachShape({ use_unit: '"u"' })).toBe('conflicting_keys');
    expect(readEachShape({ used_amount: 'null' })).toBe('conflicting_keys');
  });

  it.each(['tenant_id', 'product_sku', 'used_ammount', 'use_unity', 'pulse_id', 'timestamp', 'other', '__proto__', ''])(
    '%j may not repeat in any spelling',
    (key) => {
      const value = Object.hasOwn(MEMBERS, key) ? (MEMBERS as Members)[key]! : key === 'timestamp' ? '1' : '"x"';
      const rest = Object.entries(MEMBERS).filter(([name]) => name !== key);
      for (const line of shapesOf([[key, value], ...rest, [key, value]])) expect(read(line)).toBe('duplicate_key');
      const [once = ''] = shapesOf([[key, value], ...rest]);
      expect(read(once.replace('{', `{"${escapeAll(key)}":${value},`))).toBe('duplicate_key');
    },
  );

  it('that are unknown are ignored with any value', () => {
    for (const value of [
      'null',
      '{"tenant_id":"x","tenant_id":"x"}',
      '[[[]]]',
      '"\\ud800"',
      '1e400',
      '-0',
      '"\\u0000"',
    ])
      for (const key of [
        'other',
        '__proto__',
        'constructor',
        'toString',
        'Tenant_Id',
        'tenant_id ',
        'tenant_id\\u0000',
        '\\ud800',
      ])
        expect(readEachShapeOfPlainKey(key, value)).toEqual({ tenant: 't', sku: 's', unit: 'u', amount: '1' });
  });

  it('are equal exactly when their bytes are, including lone surrogates', () => {
    const rest = Object.entries(MEMBERS)
      .map(([key, value]) => `"${key}":${value}`)
      .join(',');
    expect(read(`{"\\ud800":1,"\\ud801":1,"\ufffd":1,${rest}}`)).toMatchObject({ tenant: 't' });
    expect(read(`{"\\ud800":1,"\\uD800":1,${rest}}`)).toBe('duplicate_key');
  });
});

function readEachShapeOfPlainKey(key: string, value: string): Values | DeadLetterReason {
  const rest = Object.entries(MEMBERS)
    .map(([name, text]) => `"${name}":${text}`)
    .join(',');
  const [first, last] = [read(`{"${key}":${value},${rest}}`), read(`{${rest},"${key}":${value}}`)];
  expect(first).toEqual(last);
  return first;
}

describe('optional keys', () => {
  it('pulse_id has 1 to 128 bytes and may contain control characters', () => {
    for (const id of ['x', 'x'.repeat(128), 'é'.repeat(64), '\\u0000', '\\n'])
      expect(readEachShape({ pulse_id: `"${id}"` })).toMatchObject({ tenant: 't' });
    for (const id of ['', 'x'.repeat(129), `${'é'.repeat(64)}x`, '\\ud800'])
      expect(readEachShape({ pulse_id: `"${id}"` })).toBe('invalid_value');
    for (const id of ['1', 'null', '[]']) expect(readEachShape({ pulse_id: id })).toBe('wrong_type');
  });

  it('timestamp is a number in the range of an amount', () => {
    for (const time of ['0', '-1', '1700000000.123', '1e9'])
      expect(readEachShape({ timestamp: time })).toMatchObject({ tenant: 't' });
    for (const time of ['1e400', '1e-31']) expect(readEachShape({ timestamp: time })).toBe('number_out_of_range');
    for (const time of ['"1"', 'null', 'true']) expect(readEachShape({ timestamp: time })).toBe('wrong_type');
  });
});

describe('a line', () => {
  const PULSE = '{"tenant_id":"t","product_sku":"s","used_ammount":1,"use_unity":"u"}';

  it.each<[string, string, DeadLetterReason]>([
    ['empty', '', 'not_json'],
    ['white space', ' \t\r', 'not_json'],
    ['a byte-order mark', `\ufeff${PULSE}`, 'not_json'],
    ['two objects', `${PULSE}${PULSE}`, 'not_json'],
    ['a comma too many', PULSE.replace('}', ',}'), 'not_json'],
    ['a comma too few', PULSE.replace(',', ' '), 'not_json'],
    ['a comment', `${PULSE}//`, 'not_json'],
    ['a NUL behind', `${PULSE}\u0000`, 'not_json'],
    ['other white space', `\u00a0${PULSE}`, 'not_json'],
    ['single quotes', PULSE.replaceAll('"', "'"), 'not_json'],
    ['an end too early', PULSE.slice(0, -1), 'not_json'],
    ['an escape that is none', PULSE.replace('"t"', '"\\x"'), 'not_json'],
    ['an array around', `[${PULSE}]`, 'not_object'],
    ['a number', '1', 'not_object'],
    ['null', 'null', 'not_object'],
    ['no keys', '{}', 'missing_key'],
  ])('is no pulse with %s', (_what, line, reason) => {
    expect(read(PULSE)).toEqual({ tenant: 't', sku: 's', unit: 'u', amount: '1' });
    expect(read(line)).toBe(reason);
  });

  it.each([
    ['a lone byte', [0xff]],
    ['a cut character', [0xc3]],
    ['a form longer than needed', [0xc0, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['a code point too high', [0xf4, 0x90, 0x80, 0x80]],
  ])('is no pulse with %s in place of UTF-8', (_what, bytes) => {
    const [before = '', behind = ''] = PULSE.split('"t"');
    expect(read(Buffer.concat([Buffer.from(`${before}"`), Buffer.from(bytes), Buffer.from(`"${behind}`)]))).toBe(
      'invalid_utf8',
    );
    expect(read(Buffer.concat([Buffer.from(PULSE), Buffer.from(bytes)]))).toBe('invalid_utf8');
  });

  it('has at most 1 MiB', () => {
    const MIB = 1024 * 1024;
    const padded = (bytes: number) => `${PULSE}${' '.repeat(bytes - PULSE.length)}`;
    expect(read(padded(MIB))).toMatchObject({ tenant: 't' });
    expect(read(padded(MIB + 1))).toBe('line_too_long');
    expect(read(Buffer.alloc(MIB + 1, 0xff))).toBe('line_too_long');
  });

  it.each(['[', '{"a":'])('may nest %s as deep as its length allows', (open) => {
    const depth = 100_000;
    const close = open === '[' ? ']' : '}';
    const deep = `${open.repeat(depth)}${open === '[' ? '' : '1'}${close.repeat(depth)}`;
    expect(readEachShapeOfPlainKey('deep', deep)).toMatchObject({ tenant: 't' });
    expect(read(open.repeat(depth))).toBe('not_json');
    expect(read(PULSE.replace('"t"', deep))).toBe('wrong_type');
  });
});
