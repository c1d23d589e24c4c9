// Declares the fields of a message once: reader, writer, type and limits come from that declaration.
//
//   u16, u32, u64, flag    unsigned integers; u64 is below 2^53, a flag is a u8 of 0 or 1
//   str                    u16 length, UTF-8
//   id                     16 bytes, 32 hex digits in memory
//   column(max)            u32 count and as many u32, a Uint32Array in memory
//   list(item, max)        u32 count and the items
//   struct({ ... })        its fields, in the order of the declaration
//
// A field may also put bytes into the payload behind the body, or take them from there.
//
// Limits are checked when a field is read: the peer that received it refuses it.

import type { FieldReader, FieldWriter } from '@pulses/shared-binary';
import { violation } from '../body';
import type { PayloadParts } from '../payload-parts';

const U32_BYTES = 4;

export interface Field<Value> {
  /** The least bytes that a value takes: bounds the count of a list before memory is taken for it. */
  readonly bytesMin: number;
  write(writer: FieldWriter, value: Value, payload: PayloadParts): void;
  /** @throws PulsesError PROTOCOL_VIOLATION, or what a check throws */
  read(reader: FieldReader, payload: FieldReader): Value;
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
    if (value > 1) throw violation(`a flag of ${value}`);
    return value === 1;
  },
};

/** The field with a check of what was read. `check` throws what the peer is told. */
export function checked<Value>(field: Field<Value>, check: (value: Value) => void): Field<Value> {
  return {
    ...field,
    read: (reader, payload) => {
      const value = field.read(reader, payload);
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
    write: (writer, value, payload) => {
      field.write(writer, toStored(value), payload);
    },
    read: (reader, payload) => fromStored(field.read(reader, payload)),
  };
}

export function list<Item>(item: Field<Item>, max = Infinity): Field<readonly Item[]> {
  return {
    bytesMin: 4,
    write: (writer, items, payload) => {
      writer.u32(items.length);
      for (const one of items) item.write(writer, one, payload);
    },
    read: (reader, payload) => {
      const count = countOf(reader, item.bytesMin, max);
      const items: Item[] = [];
      for (let index = 0; index < count; index += 1) items.push(item.read(reader, payload));
      return items;
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
      const bytes = reader.raw(U32_BYTES * countOf(reader, U32_BYTES, max));
      // Memory of its own: the frame's need not be aligned.
      const values = new Uint32Array(bytes.length / U32_BYTES);
      new Uint8Array(values.buffer).set(bytes);
      return values;
    },
  };
}

function countOf(reader: FieldReader, bytesMin: number, max: number): number {
  const count = reader.count(bytesMin);
  if (count > max) throw violation(`a list of ${count}; at most ${max} are allowed`);
  return count;
}

export function struct<const Schema extends Fields>(schema: Schema): Field<StructOf<Schema>> {
  const codec = fieldsOf(schema);
  return {
    bytesMin: codec.bytesMin,
    write: (writer, value, payload) => {
      codec.write(writer, value, payload);
    },
    read: (reader, payload) => {
      const value: Record<string, unknown> = {};
      codec.readInto(reader, payload, value);
      return value as StructOf<Schema>;
    },
  };
}

/** Writes the fields of an object, and reads them into one. */
export interface FieldsCodec {
  readonly bytesMin: number;
  write(writer: FieldWriter, value: Readonly<Record<string, unknown>>, payload: PayloadParts): void;
  readInto(reader: FieldReader, payload: FieldReader, value: Record<string, unknown>): void;
}

export function fieldsOf(schema: Fields): FieldsCodec {
  const keys = Object.keys(schema);
  const fields = Object.values(schema);
  return {
    bytesMin: fields.reduce((sum, { bytesMin }) => sum + bytesMin, 0),
    write: (writer, value, payload) => {
      for (let index = 0; index < fields.length; index += 1) fields[index]!.write(writer, value[keys[index]!], payload); // below the length
    },
    readInto: (reader, payload, value) => {
      for (let index = 0; index < fields.length; index += 1) value[keys[index]!] = fields[index]!.read(reader, payload); // below the length
    },
  };
}

/** A message: its number on the wire and its fields. */
export interface MessageSchema<Schema extends Fields> {
  readonly number: number;
  readonly fields: Schema;
}

export function message<const Schema extends Fields>(number: number, fields: Schema): MessageSchema<Schema> {
  return { number, fields };
}

/** The union of the messages of a table: each is its fields and `type`. */
export type MessagesOf<Table extends Readonly<Record<string, MessageSchema<Fields>>>> = {
  [Type in keyof Table]: { readonly type: Type } & StructOf<Table[Type]['fields']>;
}[keyof Table];
