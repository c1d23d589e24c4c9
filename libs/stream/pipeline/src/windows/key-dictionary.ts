// The keys of several windows in turn, and for each what its output lines need: its fields, and its tenant.
//
// Guarantees: an entry never changes, so an older window may use it while a newer one adds entries.
// Bounds: `entriesMax` entries; KeySpace starts another dictionary when this one has grown too large.

import { createKeyTable, type KeyTable, type KeyTableOptions } from '@pulses/aggregation-api';
import { createKeyFields, encodeTenant, type KeyFields } from '@pulses/shared-pulse-model';

export class KeyDictionary {
  /** By entry: the key fields of its output lines. */
  readonly fields: KeyFields = createKeyFields();
  /** Tenants as they stand in topic names, in order of first appearance. */
  readonly tenants: string[] = [];
  readonly #keys: KeyTable;
  readonly #tenantIndexes = new Map<string, number>();
  #tenantOf = new Int32Array(1024);
  #textBytes = 0;

  constructor(options: KeyTableOptions) {
    this.#keys = createKeyTable(options);
  }

  /** Number of entries. */
  get size(): number {
    return this.fields.size;
  }

  /** Bytes of all keys and their fields. */
  get textBytes(): number {
    return this.#textBytes;
  }

  /** The entry of the key in three ranges of `text`, added when it is new. @throws PulsesError WINDOW_FULL without room for it */
  entryOf(
    text: Uint8Array,
    tenantStart: number,
    tenantEnd: number,
    skuStart: number,
    skuEnd: number,
    unitStart: number,
    unitEnd: number,
  ): number {
    const entry = this.#keys.idOf(text, tenantStart, tenantEnd, skuStart, skuEnd, unitStart, unitEnd);
    if (entry < this.fields.size) return entry;
    this.fields.add(text, tenantStart, tenantEnd, skuStart, skuEnd, unitStart, unitEnd);
    this.#noteTenant(entry, text.subarray(tenantStart, tenantEnd));
    this.#textBytes += this.#keys.bytesOf(entry).byteLength + this.fields.lengthOf(entry);
    return entry;
  }

  /** As `KeyList.bytesOf`. */
  bytesOf(entry: number): Uint8Array {
    return this.#keys.bytesOf(entry);
  }

  /** Index of the entry's tenant into `tenants`. */
  tenantOf(entry: number): number {
    return this.#tenantOf[entry] as number;
  }

  #noteTenant(entry: number, tenant: Uint8Array): void {
    if (entry >= this.#tenantOf.length) {
      const grown = new Int32Array(this.#tenantOf.length * 2);
      grown.set(this.#tenantOf);
      this.#tenantOf = grown;
    }
    // Latin-1 maps each byte to one character, so two tenants share a text only if their bytes are equal.
    const bytes = Buffer.from(tenant.buffer, tenant.byteOffset, tenant.byteLength).toString('latin1');
    let index = this.#tenantIndexes.get(bytes);
    if (index === undefined) {
      index = this.tenants.length;
      this.tenants.push(encodeTenant(tenant));
      this.#tenantIndexes.set(bytes, index);
    }
    this.#tenantOf[entry] = index;
  }
}
