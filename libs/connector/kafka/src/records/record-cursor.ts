// Reads the records of a batch, one after another, without an object for each.
//
// Guarantees: no byte outside the batch is read. A record that does not fit its length, and a count that does not fit the
// bytes, is a PROTOCOL_VIOLATION.

import { PulsesError } from '@pulses/shared-errors';

export class RecordCursor {
  readonly #bytes: Buffer;
  readonly #where: string;
  #left: number;
  #at = 0;
  /** Where the record ends. */
  #end = 0;
  offsetDelta = 0;
  timestampDelta = 0;
  /** -1 when it has no key; `keyStart` is undefined then. The same for the value. */
  keyLength = -1;
  keyStart = 0;
  valueLength = -1;
  valueStart = 0;
  headerCount = 0;
  headersStart = 0;

  /**
   * @param bytes the unpacked records
   * @param where names the batch, for the message
   */
  constructor(bytes: Buffer, recordCount: number, where: string) {
    this.#bytes = bytes;
    this.#where = where;
    this.#left = recordCount;
  }

  /** Moves to the next record; false after the last one. @throws PulsesError PROTOCOL_VIOLATION */
  next(): boolean {
    if (this.#left <= 0) {
      if (this.#at !== this.#bytes.length || this.#left < 0) throw this.#malformed();
      return false;
    }
    this.#left -= 1;
    this.#end = this.#bytes.length;
    const length = this.#varint();
    const end = this.#at + length;
    if (length < 0 || end > this.#bytes.length) throw this.#malformed();
    this.#end = end;
    this.#at += 1; // attributes: none is defined
    this.timestampDelta = this.#varlong();
    this.offsetDelta = this.#varint();
    this.keyLength = this.#varint();
    this.keyStart = this.#at;
    if (this.keyLength > 0) this.#at += this.keyLength;
    this.valueLength = this.#varint();
    this.valueStart = this.#at;
    if (this.valueLength > 0) this.#at += this.valueLength;
    this.headerCount = this.#varint();
    this.headersStart = this.#at;
    if (
      this.#at > end ||
      this.keyLength < -1 ||
      this.valueLength < -1 ||
      this.headerCount < 0 ||
      (this.headerCount === 0 && this.#at !== end)
    )
      throw this.#malformed();
    this.#at = end;
    return true;
  }

  /** True when the current record has a header of this name. @throws PulsesError PROTOCOL_VIOLATION */
  hasHeader(name: Buffer): boolean {
    if (this.headerCount === 0) return false;
    this.#at = this.headersStart;
    let isFound = false;
    for (let index = 0; index < this.headerCount; index += 1) {
      const keyLength = this.#varint();
      const keyStart = this.#at;
      this.#at += keyLength;
      if (keyLength < 0 || this.#at > this.#end) throw this.#malformed();
      isFound ||= this.#bytes.subarray(keyStart, this.#at).equals(name);
      const valueLength = this.#varint();
      if (valueLength > 0) this.#at += valueLength;
      if (this.#at > this.#end) throw this.#malformed();
    }
    if (this.#at !== this.#end) throw this.#malformed();
    return isFound;
  }

  #varint(): number {
    const bytes = this.#bytes;
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.#at >= this.#end) throw this.#malformed();
      const byte = bytes[this.#at]!; // below the end
      this.#at += 1;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
    }
    throw this.#malformed();
  }

  /** Times may be further apart than 32 bits. */
  #varlong(): number {
    let value = 0;
    let factor = 1;
    for (let read = 0; read < 10; read += 1) {
      if (this.#at >= this.#end) throw this.#malformed();
      const byte = this.#bytes[this.#at]!; // below the end
      this.#at += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      factor *= 128;
    }
    throw this.#malformed();
  }

  #malformed(): PulsesError {
    return new PulsesError('PROTOCOL_VIOLATION', `${this.#where} holds a record that does not fit its length`);
  }
}
