// Declares the fields of a record once: reader, writer, type and limits come from that declaration.
//
//   u8, u16, u32, u64, flag    unsigned integers; u64 is below 2^53, a flag is a u8 of 0 or 1
//   str                        u16 length, UTF-8
//   id                         16 bytes, 32 hex digits in memory
//   column(max)                u32 count and as many u32, a Uint32Array in memory
//   list(item, max, count)     count and the items; the count is a u32 unless stated otherwise
//   map(key, value)            u32 count and as many keys with their values
//   struct({ ... })            its fields, in the order of the declaration
//
// A field may also put bytes beside those of the writer, and take them from there: what a format hands to `write` and `read`.
//
// Limits are checked when a field is read: the peer that received it refuses it.

import type { FieldReader } from './field-reader';
import type { FieldWriter } from './field-writer';

const U32_BYTES = 4;

export interface Field<Value> {
  /** The least bytes that a value takes: bounds the count of a list before memory is taken for it. */
  readonly bytesMin: number;
  write(writer: FieldWriter, value: Value, beside: unknown): void;
  /** @throws the reader's error, or what a check throws */
  read(reader: FieldReader, beside: unknown): Value;
}

export type ValueOf<Schema> = Schema extends Field<infer Value> ? Value : never;

export type Fields = Readonly<Record<string, Field<unknown>>>;
export type StructOf<Schema extends Readonly<Record<string, unknown>>> = {
  readonly [Key in keyof Schema]: ValueOf<Schema[Key]>;
};

function primitive<Value>(
  bytesMin: number,
  write: (writer: FieldWriter, value: Value) => void,
  read: (reader: FieldReader) => Value,
): Field<Value> {
  return { bytesMin, write, read };
}

export const u8 = primitive<number>(
  1,
  (writer, value) => writer.u8(value),
  (reader) => reader.u8(),
);
export const u16 = primitive<number>(
  2,
  (writer, value) => writer.u16(value),
  (reader) => reader.u16(),
);
export const u32 = primitive<number>(
  4,
  (writer, value) => writer.u32(value),
  (reader) => reader.u32(),
);
export const u64 = primitive<number>(
  8,
  (writer, value) => writer.u64(value),
  (reader) => reader.u64(),
);
export const str = primitive<string>(
  2,
  (writer, value) => writer.str(value),
  (reader) => reader.str(),
);
export const id = primitive<string>(
  16,
  (writer, value) => writer.id(value),
  (reader) => reader.id(),
);
export const flag: Field<boolean> = {
  bytesMin: 1,
  write: (writer, value) => {
    writer.u8(value ? 1 : 0);
  },
  read: (reader) => {
    const value = reader.u8();
    if (value > 1) throw reader.failure(`a flag of ${value}`);
    return value === 1;
  },
};

/** The field with a check of what was read. `check` throws what the peer is told. */
export function checked<Value>(field: Field<Value>, check: (value: Value) => void): Field<Value> {
  return {
    ...field,
    read: (reader, beside) => {
      const value = field.read(reader, beside);
      check(value);
      return value;
    },
  };
}

/** The field with other values in memory. */
export function mapped<Value, Stored>(
  field: Field<Stored>,
  toStored: (value: Value) => Stored,
  fromStored: (stored: Stored) => Value,
): Field<Value> {
  return {
    bytesMin: field.bytesMin,
    write: (writer, value, beside) => {
      field.write(writer, toStored(value), beside);
    },
    read: (reader, beside) => fromStored(field.read(reader, beside)),
  };
}

/** @param count the field that the number of items is */
export function list<Item>(item: Field<Item>, max = Infinity, count: Field<number> = u32): Field<readonly Item[]> {
  return {
    bytesMin: count.bytesMin,
    write: (writer, items, beside) => {
      count.write(writer, items.length, beside);
      for (const one of items) item.write(writer, one, beside);
    },
    read: (reader, beside) => {
      const length = checkedCount(reader, count.read(reader, beside), item.bytesMin, max);
      const items: Item[] = [];
      for (let index = 0; index < length; index += 1) items.push(item.read(reader, beside));
      return items;
    },
  };
}

/** In the order of the entries. */
export function map<Key, Value>(key: Field<Key>, value: Field<Value>): Field<Map<Key, Value>> {
  return {
    bytesMin: U32_BYTES,
    write: (writer, entries, beside) => {
      writer.u32(entries.size);
      for (const [one, its] of entries) {
        key.write(writer, one, beside);
        value.write(writer, its, beside);
      }
    },
    read: (reader, beside) => {
      const size = checkedCount(reader, reader.u32(), key.bytesMin + value.bytesMin);
      const entries = new Map<Key, Value>();
      for (let index = 0; index < size; index += 1) entries.set(key.read(reader, beside), value.read(reader, beside));
      return entries;
    },
  };
}

/** A list of u32 without an object for it. */
export function column(max = Infinity): Field<Uint32Array> {
  return {
    bytesMin: 4,
    write: (writer, values) => {
      writer.u32(values.length);
      writer.raw(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    },
    read: (reader) => {
      const bytes = reader.raw(U32_BYTES * checkedCount(reader, reader.u32(), U32_BYTES, max));
      // Memory of its own: the frame's need not be aligned.
      const values = new Uint32Array(bytes.length / U32_BYTES);
      new Uint8Array(values.buffer).set(bytes);
      return values;
    },
  };
}

function checkedCount(reader: FieldReader, stored: number, bytesMin: number, max = Infinity): number {
  const count = reader.count(bytesMin, stored);
  if (count > max) throw reader.failure(`a list of ${count}; at most ${max} are allowed`);
  return count;
}

export function struct<const Schema extends Fields>(schema: Schema): Field<StructOf<Schema>> {
  const codec = fieldsOf(schema);
  return {
    bytesMin: codec.bytesMin,
    write: (writer, value, beside) => {
      codec.write(writer, value, beside);
    },
    read: (reader, beside) => {
      const value: Record<string, unknown> = {};
      codec.readInto(reader, beside, value);
      return value as StructOf<Schema>;
    },
  };
}

/** Writes the fields of an object, and reads them into one. */
export interface FieldsCodec {
  readonly bytesMin: number;
  write(writer: FieldWriter, value: Readonly<Record<string, unknown>>, beside: unknown): void;
  readInto(reader: FieldReader, beside: unknown, value: Record<string, unknown>): void;
}

export function fieldsOf(schema: Fields): FieldsCodec {
  const keys = Object.keys(schema);
  const fields = Object.values(schema);
  return {
    bytesMin: fields.reduce((sum, { bytesMin }) => sum + bytesMin, 0),
    write: (writer, value, beside) => {
      for (let index = 0; index < fields.length; index += 1) fields[index]!.write(writer, value[keys[index]!], beside); // below the length
    },
    readInto: (reader, beside, value) => {
      for (let index = 0; index < fields.length; index += 1) value[keys[index]!] = fields[index]!.read(reader, beside); // below the length
    },
  };
}
