import { describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import fc from 'fast-check';
import { formatAmount } from './amount-writing';
import type { DeadLetterReason } from './dead-letter-reason';
import { createPulseReader, type PulseReader } from './pulse-reader';
import { parseJsonExactly, pulseSchema } from './schemas';
import { readSlowly } from './slow-reader';
import { anyLine } from './testing/lines';

interface Values {
  readonly tenant: string;
  readonly sku: string;
  readonly unit: string;
  readonly amount: string;
}

const slice = (reader: PulseReader, start: number, end: number) =>
  Buffer.from(reader.text.slice(start, end)).toString('utf8');

function valuesOf(reader: PulseReader): Values {
  return {
    tenant: slice(reader, reader.tenantStart, reader.tenantEnd),
    sku: slice(reader, reader.skuStart, reader.skuEnd),
    unit: slice(reader, reader.unitStart, reader.unitEnd),
    amount: formatAmount(reader.amount),
  };
}

function read(line: Buffer | string): Values | DeadLetterReason {
  const reader = createPulseReader();
  const bytes = Buffer.concat([Buffer.from('xx'), Buffer.from(line as string), Buffer.from('yy')]);
  return reader.read(bytes, 2, bytes.byteLength - 2) ? valuesOf(reader) : reader.reason;
}

/** Top-level keys of an object in order, including duplicates, by an independent scan. */
function topLevelKeys(json: string): string[] {
  const tokens = json.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
  const keys: string[] = [];
  let depth = 0;
  tokens.forEach((token, index) => {
    if (token === '{' || token === '[') depth += 1;
    else if (token === '}' || token === ']') depth -= 1;
    else if (depth === 1 && tokens[index + 1] === ':') keys.push(JSON.parse(token) as string);
  });
  return keys;
}

/** The verdict of the schema over the standard parser. */
function readBySchema(line: Buffer): Values | 'rejected' {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(line);
    const json = parseJsonExactly(text);
    if (typeof json !== 'object' || json === null || Array.isArray(json)) return 'rejected';
    const keys = topLevelKeys(text);
    if (new Set(keys).size !== keys.length) return 'rejected';
    const result = pulseSchema.safeParse(json);
    if (!result.success) return 'rejected';
    const { tenantId, productSku, useUnit = '', usedAmount } = result.data;
    return { tenant: tenantId, sku: productSku, unit: useUnit, amount: usedAmount ? formatAmount(usedAmount) : '' };
  } catch {
    return 'rejected';
  }
}

const pulse = (changes: Readonly<Record<string, string | undefined>> = {}): string => {
  const members = Object.entries({
    tenant_id: '"t"',
    product_sku: '"s"',
    used_ammount: '1',
    use_unity: '"u"',
    ...changes,
  });
  return `{${members.flatMap(([key, value]) => (value === undefined ? [] : [`${JSON.stringify(key)}:${value}`])).join(',')}}`;
};

const READ_RUNS = SCALE.sizeOf({ sample: 3_000, fault: 40_000 });

describe('the pulse reader', () => {
  it('accepts the lines that the schema accepts, and reads the same values', () => {
    let accepted = 0;
    fc.assert(
      fc.property(anyLine, (line) => {
        const expected = readBySchema(line);
        const actual = read(line);
        if (expected === 'rejected') expect(typeof actual).toBe('string');
        else expect(actual).toEqual(expected);
        if (expected !== 'rejected') accepted += 1;
      }),
      { numRuns: READ_RUNS },
    );
    // The generator must produce both pulses and other lines.
    expect(accepted).toBeGreaterThan(READ_RUNS / 20);
  }, 120_000);

  it('decides alike on the fast path and the full path', () => {
    fc.assert(
      fc.property(anyLine, (line) => {
        const slow = createPulseReader();
        const decided = readSlowly(slow, line, 0, line.byteLength) ? valuesOf(slow) : slow.reason;
        expect(read(line)).toEqual(decided);
      }),
      { numRuns: SCALE.sizeOf({ sample: 1_500, fault: 20_000 }) },
    );
  }, 120_000);

  it.each<[string, DeadLetterReason]>([
    ['', 'not_json'],
    ['not json', 'not_json'],
    [`\ufeff${pulse()}`, 'not_json'],
    [`${pulse()} x`, 'not_json'],
    [`${pulse()}\u0000`, 'not_json'],
    ['null', 'not_object'],
    ['[]', 'not_object'],
    ['"x"', 'not_object'],
    [pulse().replace('{', '{"tenant_id":"t",'), 'duplicate_key'],
    [pulse().replace('{', '{"tenant\\u005fid":"t",'), 'duplicate_key'],
    [pulse().replace('{', '{"x":1,"x":1,'), 'duplicate_key'],
    [pulse({ used_amount: '1' }), 'conflicting_keys'],
    [pulse({ use_unit: '"u"' }), 'conflicting_keys'],
    [pulse({ tenant_id: undefined }), 'missing_key'],
    [pulse({ used_ammount: undefined }), 'missing_key'],
    [pulse({ tenant_id: '1' }), 'wrong_type'],
    [pulse({ tenant_id: 'null' }), 'wrong_type'],
    [pulse({ used_ammount: 'true' }), 'wrong_type'],
    [pulse({ used_ammount: '[1]' }), 'wrong_type'],
    [pulse({ timestamp: '"1"' }), 'wrong_type'],
    [pulse({ pulse_id: 'null' }), 'wrong_type'],
    [pulse({ tenant_id: '""' }), 'invalid_value'],
    [pulse({ tenant_id: `"${'x'.repeat(257)}"` }), 'invalid_value'],
    [pulse({ tenant_id: `"${'é'.repeat(129)}"` }), 'invalid_value'],
    [pulse({ tenant_id: '"\\u0000"' }), 'invalid_value'],
    [pulse({ tenant_id: '"\\u009f"' }), 'invalid_value'],
    [pulse({ tenant_id: '"\\ud800"' }), 'invalid_value'],
    [pulse({ used_ammount: '" 1"' }), 'invalid_value'],
    [pulse({ used_ammount: '""' }), 'invalid_value'],
    [pulse({ pulse_id: `"${'x'.repeat(129)}"` }), 'invalid_value'],
    [pulse({ used_ammount: '1e400' }), 'number_out_of_range'],
    [pulse({ used_ammount: '100000000000000000000' }), 'number_out_of_range'],
    [pulse({ used_ammount: '"1e-31"' }), 'number_out_of_range'],
    [pulse({ timestamp: '1e400' }), 'number_out_of_range'],
  ])('rejects %j as %s', (line, reason) => {
    expect(read(line)).toBe(reason);
  });

  it('rejects invalid UTF-8 and lines above 1 MiB, and accepts one of exactly 1 MiB', () => {
    expect(read(Buffer.concat([Buffer.from('{"a":"'), Buffer.of(0xff), Buffer.from('"}')]))).toBe('invalid_utf8');
    expect(read(Buffer.from([0xed, 0xa0, 0x80]))).toBe('invalid_utf8');
    const padding = 1024 * 1024 - pulse({ pad: '""' }).length;
    expect(read(pulse({ pad: `"${'x'.repeat(padding)}"` }))).toMatchObject({ tenant: 't' });
    expect(read(pulse({ pad: `"${'x'.repeat(padding + 1)}"` }))).toBe('line_too_long');
  });

  it.each<[string, Partial<Values>]>([
    [pulse({ used_ammount: '"1E2"' }), { amount: '100' }],
    [pulse({ used_ammount: '-0' }), { amount: '0' }],
    [pulse({ used_ammount: '9007199254740993' }), { amount: '9007199254740993' }],
    [pulse({ tenant_id: '"__proto__"', ['__proto__']: '1' }), { tenant: '__proto__' }],
    [pulse({ tenant_id: `"${'é'.repeat(128)}"` }), { tenant: 'é'.repeat(128) }],
    [pulse({ tenant_id: '"\\u0061"' }), { tenant: 'a' }],
    [pulse({ tenant_id: '"a.b"', extra: '{"tenant_id":[{},{"x":null}]}' }), { tenant: 'a.b' }],
    [
      pulse({ used_ammount: undefined, used_amount: '2', use_unity: undefined, use_unit: '"k"' }),
      { amount: '2', unit: 'k' },
    ],
    [pulse({ timestamp: '1700000000.123', pulse_id: '"p\\n"' }), { tenant: 't' }],
    [` \t${pulse()} \r`, { tenant: 't' }],
  ])('reads %s', (line, values) => {
    expect(read(line)).toMatchObject(values);
  });

  it.each([
    [{ used_ammount: undefined, used_amount: '"x"' }, 'used_amount is a string that does not hold a number'],
    [{ used_ammount: undefined, used_amount: 'null' }, 'used_amount is neither a number nor a string'],
    [{ used_ammount: undefined, used_amount: '1e99' }, 'used_amount has more than 20 integer or 30 fraction digits'],
    [{ use_unity: undefined, use_unit: '7' }, 'use_unit is not a string'],
    [{ use_unity: undefined, use_unit: '"\\u0000"' }, 'use_unit holds a control character'],
    [{ used_ammount: '[]' }, 'used_ammount is neither a number nor a string'],
    [{ used_ammount: undefined }, 'used_ammount is missing'],
    [{ use_unity: undefined }, 'use_unity is missing'],
  ])('names the key that the line has: %j', (changes, detail) => {
    const reader = createPulseReader();
    const line = Buffer.from(pulse(changes));
    expect(reader.read(line, 0, line.byteLength)).toBe(false);
    expect(reader.detail).toBe(detail);
  });

  it('stays linear on many keys and on deep nesting', () => {
    const many = Array.from({ length: 60_000 }, (_, index) => `"k${index}":1`).join(',');
    expect(read(pulse().replace('{', `{${many},`))).toMatchObject({ tenant: 't' });
    const deep = `${'['.repeat(400_000)}${']'.repeat(400_000)}`;
    expect(read(pulse({ deep }))).toMatchObject({ tenant: 't' });
  });
});
