import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FieldError, FieldReader } from './field-reader';
import { FieldWriter } from './field-writer';

const ID = '00112233445566778899aabbccddeeff';
const u64 = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

const anyField = fc.oneof(
  fc.record({ kind: fc.constant('u8' as const), value: fc.integer({ min: 0, max: 0xff }) }),
  fc.record({ kind: fc.constant('u16' as const), value: fc.integer({ min: 0, max: 0xffff }) }),
  fc.record({ kind: fc.constant('u32' as const), value: fc.integer({ min: 0, max: 0xffff_ffff }) }),
  fc.record({ kind: fc.constant('u64' as const), value: fc.oneof(u64, fc.constant(Number.MAX_SAFE_INTEGER)) }),
  fc.record({ kind: fc.constant('str' as const), value: fc.string({ unit: 'grapheme', maxLength: 300 }) }),
  fc.record({ kind: fc.constant('id' as const), value: fc.constant(ID) }),
);
type Field = typeof anyField extends fc.Arbitrary<infer Value> ? Value : never;

function write(writer: FieldWriter, fields: readonly Field[]): void {
  for (const field of fields) {
    if (field.kind === 'str' || field.kind === 'id') writer[field.kind](field.value);
    else writer[field.kind](field.value);
  }
}

function grown(fields: readonly Field[]): Buffer {
  const writer = FieldWriter.growing(0);
  write(writer, fields);
  return writer.written();
}

describe('fields', () => {
  it('survive writing and reading, in a growing buffer and in memory that they fill exactly', () => {
    fc.assert(
      fc.property(fc.array(anyField, { maxLength: 12 }), (fields) => {
        const bytes = grown(fields);
        const memory = new Uint8Array(bytes.length + 3);
        const writer = FieldWriter.into(memory.subarray(0, 3 + bytes.length), 3);
        write(writer, fields);
        expect(writer.at).toBe(memory.length);
        expect(Buffer.from(memory.buffer, 3)).toEqual(bytes);
        const reader = new FieldReader(memory, 3);
        expect(fields.map(({ kind }) => reader[kind]())).toEqual(fields.map(({ value }) => value));
        reader.expectEnd();
      }),
      { numRuns: 500 },
    );
  });

  it('have these bytes', () => {
    const writer = FieldWriter.growing(2);
    writer.u8(1);
    writer.u16(0x0203);
    writer.u32(0x0405_0607);
    writer.u64(2 ** 52 + 2);
    writer.str('ü');
    writer.id(ID);
    writer.raw(Uint8Array.of(9));
    expect(writer.written().subarray(2).toString('hex')).toBe(
      `010302${'07060504'}${'0200000000001000'}${'0200c3bc'}${ID}09`,
    );
  });

  it.each([-1, 0.5, NaN, 2 ** 53])('reject %d as an unsigned integer of 64 bits', (value) => {
    expect(() => {
      FieldWriter.growing(0).u64(value);
    }).toThrow(TypeError);
  });

  it.each([-1, 256])('reject %d as a byte', (value) => {
    expect(() => {
      FieldWriter.growing(0).u8(value);
    }).toThrow(/out of range/);
  });

  it.each(['', ID.slice(1), `${ID}0`, `${ID.slice(1)}g`, `g${ID.slice(1)}`])('reject %j as an id', (value) => {
    expect(() => {
      FieldWriter.growing(0).id(value);
    }).toThrow(TypeError);
  });

  it('reject a text above 65,535 bytes of UTF-8', () => {
    expect(() => {
      FieldWriter.growing(0).str('ü'.repeat(32_768));
    }).toThrow(expect.objectContaining({ code: 'MESSAGE_TOO_LARGE' }));
  });

  it.each(Object.entries({ u8: 1, u16: 1, u32: 1, u64: 1 }))('do not write a %s beyond the memory', (kind, value) => {
    const writer = FieldWriter.into(new Uint8Array(0));
    expect(() => {
      writer[kind as 'u8'](value);
    }).toThrow(RangeError);
  });

  it('do not cut a text that is longer than the memory', () => {
    expect(() => {
      FieldWriter.into(new Uint8Array(5)).str('four');
    }).toThrow(RangeError);
  });
});

describe('a reader', () => {
  it('rejects every truncation and never reads beyond its end', () => {
    fc.assert(
      fc.property(fc.array(anyField, { minLength: 1, maxLength: 6 }), fc.nat(), (fields, cut) => {
        const bytes = grown(fields);
        const length = cut % bytes.length;
        const reader = new FieldReader(bytes, 0, length);
        expect(() => {
          for (const { kind } of fields) reader[kind]();
        }).toThrow(FieldError);
      }),
      { numRuns: 500 },
    );
  });

  it('takes an end beyond its bytes as their end', () => {
    expect(() => new FieldReader(Buffer.alloc(3), 0, 8).u32()).toThrow(FieldError);
  });

  it('rejects an integer of 2^53 or more', () => {
    expect(() => new FieldReader(Buffer.from('0000000000002000', 'hex')).u64()).toThrow(/below 2\^53/);
  });

  it('rejects text that is not UTF-8 and keeps a replacement character', () => {
    expect(() => new FieldReader(Buffer.of(1, 0, 0xff)).str()).toThrow(/UTF-8/);
    expect(new FieldReader(Buffer.of(3, 0, 0xef, 0xbf, 0xbd)).str()).toBe('\ufffd');
  });

  it('rejects a count whose items cannot be there', () => {
    expect(() => new FieldReader(Buffer.of(3, 0, 0, 0, 1, 1, 1, 1, 1)).count(2)).toThrow(/count/);
    expect(new FieldReader(Buffer.of(2, 0, 0, 0, 1, 1, 1, 1)).count(2)).toBe(2);
  });

  it('rejects bytes that are left over', () => {
    expect(() => {
      new FieldReader(Buffer.of(1)).expectEnd();
    }).toThrow(/1 bytes are left over/);
  });

  it('throws the error of its format', () => {
    const failure = new Error('of the format');
    expect(() => new FieldReader(Buffer.alloc(0), 0, 0, () => failure).u8()).toThrow(failure);
  });
});
