// Little-endian fields, the common ground of the formats in docs/formats.
//
//   u8, u16, u32   unsigned integers
//   u64            unsigned, always below 2^53
//   str            u16 length, that many bytes of UTF-8
//   id             16 bytes, as 32 hex digits in memory
//   bytes          u32 length, that many bytes
//   raw            bytes whose number the format knows

export { compareUtf8 } from './compare-utf8';
export { FieldError, FieldReader, type FieldFailure } from './field-reader';
export { FieldWriter } from './field-writer';
export {
  checked,
  column,
  fieldsOf,
  flag,
  id,
  list,
  map,
  mapped,
  str,
  struct,
  u16,
  u32,
  u64,
  u8,
  type Field,
  type Fields,
  type FieldsCodec,
  type StructOf,
  type ValueOf,
} from './schema';
export { putU64, takeU64, viewOf } from './u64';
