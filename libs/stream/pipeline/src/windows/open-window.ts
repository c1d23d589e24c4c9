// The keys of the window that is being read, and for each key what its output lines need.

import { createKeyTable, type KeyTable } from '@pulses/aggregation-api';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import { createKeyFields, encodeTenant, type PulseReader } from '@pulses/shared-pulse-model';

export interface OpenWindowOptions {
  readonly startMs: number;
  readonly windowMs: number;
  /** First source offset that the window reads. */
  readonly fromOffset: number;
  /** Number of keys whose sums an earlier session has emitted. */
  readonly emittedKeys: number;
  readonly keysMax: number;
  /** Secret of the key table's hash; it changes no output. */
  readonly hashSeed: readonly [number, number];
}

export class OpenWindow {
  readonly startMs: number;
  readonly windowMs: number;
  readonly fromOffset: number;
  readonly emittedKeys: number;
  readonly keys: KeyTable;
  /** Offset behind the last message read in this window, dead letters included. */
  nextOffset: number;
  readonly keyFields = createKeyFields();
  /** By key id: index into `tenants`. */
  tenantOfKey = new Int32Array(1024);
  /** Tenants as they stand in topic names, in order of first appearance. */
  readonly tenants: string[] = [];
  private readonly tenantIndexes = new Map<string, number>();

  constructor({ startMs, windowMs, fromOffset, emittedKeys, keysMax, hashSeed }: OpenWindowOptions) {
    this.startMs = startMs;
    this.windowMs = windowMs;
    this.fromOffset = fromOffset;
    this.nextOffset = fromOffset;
    this.emittedKeys = emittedKeys;
    this.keys = createKeyTable({ keysMax, hashSeed });
  }

  get endMs(): number {
    return this.startMs + this.windowMs;
  }

  /** The id of the key of the pulse just read. @throws PulsesError WINDOW_FULL when there is no room for it */
  keyOf(reader: PulseReader): number {
    const { text, tenantStart, tenantEnd, skuStart, skuEnd, unitStart, unitEnd } = reader;
    return this.idOf(text, tenantStart, tenantEnd, skuStart, skuEnd, unitStart, unitEnd);
  }

  /** Adds the keys that an engine has kept, under their ids. */
  takeKeys(keys: KeyTable): void {
    for (let id = 0; id < keys.size; id += 1) {
      const bytes = keys.bytesOf(id);
      const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const tenantEnd = 2 + view.readUInt16LE(0);
      const skuEnd = tenantEnd + 2 + view.readUInt16LE(tenantEnd);
      this.idOf(view, 2, tenantEnd, tenantEnd + 2, skuEnd, skuEnd + 2, view.byteLength);
    }
  }

  private idOf(
    text: Uint8Array,
    tenantStart: number,
    tenantEnd: number,
    skuStart: number,
    skuEnd: number,
    unitStart: number,
    unitEnd: number,
  ): number {
    try {
      const id = this.keys.idOf(text, tenantStart, tenantEnd, skuStart, skuEnd, unitStart, unitEnd);
      if (id < this.keyFields.size) return id;
      this.keyFields.add(text, tenantStart, tenantEnd, skuStart, skuEnd, unitStart, unitEnd);
      this.noteTenant(id, text.subarray(tenantStart, tenantEnd));
      return id;
    } catch (error) {
      if (!isPulsesError(error, 'WINDOW_FULL')) throw error;
      throw new PulsesError(
        'WINDOW_FULL',
        `the window that starts at ${this.startMs} ms holds its limit of ${this.keys.size} keys (tenant, SKU, unit); shorten the window`,
        { cause: error },
      );
    }
  }

  private noteTenant(id: number, tenant: Uint8Array): void {
    if (id >= this.tenantOfKey.length) {
      const grown = new Int32Array(this.tenantOfKey.length * 2);
      grown.set(this.tenantOfKey);
      this.tenantOfKey = grown;
    }
    // Latin-1 maps each byte to one character, so two tenants share a text only if their bytes are equal.
    const bytes = Buffer.from(tenant.buffer, tenant.byteOffset, tenant.byteLength).toString('latin1');
    let index = this.tenantIndexes.get(bytes);
    if (index === undefined) {
      index = this.tenants.length;
      this.tenants.push(encodeTenant(tenant));
      this.tenantIndexes.set(bytes, index);
    }
    this.tenantOfKey[id] = index;
  }
}
