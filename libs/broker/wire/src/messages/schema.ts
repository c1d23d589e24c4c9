// Declares the messages of the protocol: each is a number and fields, see `shared-binary`.
//
// A field may also put bytes into the payload behind the body, or take them from there.

import type { Field, FieldReader, Fields, FieldWriter, StructOf } from '@pulses/shared-binary';
import type { PayloadParts } from '../payload-parts';

/** A field with bytes in the payload. */
export interface PayloadField<Value> extends Field<Value> {
  write(writer: FieldWriter, value: Value, payload: PayloadParts): void;
  /** @throws PulsesError PROTOCOL_VIOLATION */
  read(reader: FieldReader, payload: FieldReader): Value;
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
