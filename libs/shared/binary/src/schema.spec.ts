import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FieldError, FieldReader } from './field-reader';
import { FieldWriter } from './field-writer';
import { column, flag, id, list, map, struct, str, u16, u32, u64, u8, type Field, type ValueOf } from './schema';

const ID = '00112233445566778899aabbccddeeff';

const record = struct({
  flag,
  id,
  numbers: struct({ u8, u16, u32, u64 }),
  names: list(str, 3, u8),
  ids: column(4),
  byName: map(str, list(u16)),
});

const anyRecord: fc.Arbitrary<ValueOf<typeof record>> = fc.record({
  flag: fc.boolean(),
  id: fc.constant(ID),
  numbers: fc.record({
    u8: fc.nat({ max: 0xff }),
    u16: fc.nat({ max: 0xffff }),
    u32: fc.nat({ max: 0xffff_ffff }),
    u64: fc.maxSafeNat(),
  }),
  names: fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 3 }),
  ids: fc.uint32Array({ maxLength: 4 }),
  byName: fc
    .array(fc.tuple(fc.string({ unit: 'grapheme' }), fc.array(fc.nat({ max: 0xffff }))))
    .map((entries) => new Map(entries)),
});

function bytesOf<Value>(field: Field<Value>, value: Value): Buffer {
  const writer = FieldWriter.growing(0);
  field.write(writer, value, undefined);
  return writer.written();
}

describe('a declared record', () => {
  it('survives writing and reading, and no truncation of it is one', () => {
    fc.assert(
      fc.property(anyRecord, fc.nat(), (value, cut) => {
        const bytes = bytesOf(record, value);
        expect(bytes.length).toBeGreaterThanOrEqual(record.bytesMin);
        const reader = new FieldReader(bytes);
        expect(record.read(reader, undefined)).toEqual(value);
        reader.expectEnd();
        expect(() => record.read(new FieldReader(bytes, 0, cut % bytes.length), undefined)).toThrow(FieldError);
      }),
      { numRuns: 300 },
    );
  });

  it('has its fields back to back, and counts of the stated size before its items', () => {
    expect(bytesOf(list(u16, Infinity, u8), [1, 2]).toString('hex')).toBe(`02${'0100'}${'0200'}`);
    expect(bytesOf(map(u8, u16), new Map([[7, 1]])).toString('hex')).toBe(`01000000${'07'}${'0100'}`);
    expect(bytesOf(struct({ b: u8, a: flag }), { a: true, b: 2 }).toString('hex')).toBe('0201');
  });
});

describe('what a declaration does not allow', () => {
  it.each<[string, Field<unknown>, string]>([
    ['a flag of 2', flag, '02'],
    ['a list of 4; at most 3', list(u8, 3), '0400000001020304'],
    ['a column of 2; at most 1', column(1), '0200000001000000'.padEnd(24, '0')],
    ['a count of items that cannot be there', list(u8, Infinity, u8), '0201'],
    ['a map of entries that cannot be there', map(u8, u8), '02000000010203'],
  ])('refuses %s with the error of the reader', (_, field, hex) => {
    expect(() => field.read(new FieldReader(Buffer.from(hex, 'hex')), undefined)).toThrow(FieldError);
  });
});
