// Lines for property tests: pulses, near-pulses and hostile bytes.

import fc from 'fast-check';

const label = fc.oneof(
  { weight: 4, arbitrary: fc.stringMatching(/^[a-z0-9.-]{1,12}$/) },
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.constantFrom(
    '',
    'x'.repeat(256),
    'x'.repeat(257),
    'é'.repeat(128),
    `${'é'.repeat(128)}x`,
    '__proto__',
    '\u0000',
    '\u0085',
    '\u007f',
    '"\\/',
  ),
);

const number = fc.oneof(
  fc.integer().map(String),
  fc.constantFrom(
    '0',
    '-0',
    '1E2',
    '1e400',
    '1e-31',
    '9007199254740993',
    '0.1',
    '-12.5e-3',
    '99999999999999999999',
    '100000000000000000000',
    '1.0000000000000000000000000000000',
    '01',
    '1.',
    '.5',
    '+1',
    'NaN',
    '0e99999999999',
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
);

/** JSON text of a string, sometimes with needless or lone-surrogate escapes. */
const jsonString = (text: fc.Arbitrary<string>) =>
  fc.oneof(
    { weight: 5, arbitrary: text.map((value) => JSON.stringify(value)) },
    text.map(
      (value) =>
        `"${[...value].map((character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`,
    ),
    fc.constantFrom('"\\ud800"', '"\\udc00x"', '"\\ud83d\\ude00"', '"\\q"', '"\t"', '"open'),
  );

const value = fc.oneof(
  { weight: 4, arbitrary: jsonString(label) },
  { weight: 4, arbitrary: number },
  number.map((text) => `"${text}"`),
  fc.constantFrom('null', 'true', '{}', '[]', '[[{"a":[1,2,{"a":1,"a":2}]}]]', '""', '" 1"', '{"tenant_id":"x"}'),
);

const key = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('"tenant_id"', '"product_sku"', '"used_ammount"', '"use_unity"') },
  fc.constantFrom(
    '"used_amount"',
    '"use_unit"',
    '"pulse_id"',
    '"timestamp"',
    '"tenant\\u005fid"',
    '"other"',
    '"__proto__"',
    '"\\ud800"',
    '""',
  ),
  jsonString(label),
);

const space = fc.oneof({ weight: 6, arbitrary: fc.constant('') }, fc.constantFrom(' ', '\t', ' \r ', '\v', '\u00a0'));

const member = fc
  .tuple(space, key, space, value, space)
  .map(([before, name, middle, text, after]) => `${before}${name}${middle}:${text}${after}`);

const fieldOf = (name: string, text: fc.Arbitrary<string>) => text.map((json) => `"${name}":${json}`);

/** Mostly valid pulses: the four fields in any order, with other members between them. */
const nearPulse = fc
  .tuple(
    fieldOf('tenant_id', jsonString(label)),
    fieldOf('product_sku', jsonString(label)),
    fc.oneof(fieldOf('use_unity', jsonString(label)), fieldOf('use_unit', jsonString(label))),
    fc.oneof(
      fieldOf('used_ammount', number),
      fieldOf('used_amount', number),
      fieldOf(
        'used_ammount',
        number.map((text) => `"${text}"`),
      ),
    ),
    fc.oneof(
      { weight: 2, arbitrary: fc.constant<string[]>([]) },
      fc.array(member, { maxLength: 2 }),
      fieldOf('timestamp', value).map((text) => [text]),
      fieldOf('pulse_id', value).map((text) => [text]),
    ),
  )
  .chain(([tenant, sku, unit, amount, more]) =>
    fc.shuffledSubarray([tenant, sku, unit, amount, ...more], { minLength: 4 }),
  )
  .map((members) => Buffer.from(`{${members.join(',')}}`));

const anyObject = fc.array(member, { maxLength: 7 }).map((members) => Buffer.from(`{${members.join(',')}}`));

const mutated = fc
  .tuple(nearPulse, fc.nat(), fc.integer({ min: 0, max: 255 }), fc.constantFrom('replace', 'remove', 'insert', 'cut'))
  .map(([line, at, byte, how]) => {
    const position = at % line.byteLength;
    const [before, behind] = [line.subarray(0, position), line.subarray(position)];
    // A message contains no line feed.
    const fresh = Buffer.of(byte === 10 ? 11 : byte);
    switch (how) {
      case 'replace':
        return Buffer.concat([before, fresh, behind.subarray(1)]);
      case 'remove':
        return Buffer.concat([before, behind.subarray(1)]);
      case 'insert':
        return Buffer.concat([before, fresh, behind]);
      default:
        return Buffer.from(before);
    }
  });

const odd = fc.oneof(
  fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes)),
  fc
    .constantFrom('null', '1', '"x"', '[]', '{}', '[{}]', '{} x', '\ufeff{}', '{"a":1,}', '\u0000')
    .map((text) => Buffer.from(text)),
  nearPulse.map((line) => Buffer.concat([Buffer.of(0xef, 0xbb, 0xbf), line])),
  nearPulse.map((line) => Buffer.concat([line, Buffer.from(' {}')])),
);

export const anyLine: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 5, arbitrary: nearPulse },
  { weight: 2, arbitrary: anyObject },
  { weight: 3, arbitrary: mutated },
  odd,
);
