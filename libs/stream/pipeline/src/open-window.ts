// The window that is being read: its keys, and for each key what its output lines need.

import { createKeyTable, type KeyTable } from '@pulses/aggregation-api';
import { encodeKeyFields, encodeTenant, type PulseReader } from '@pulses/shared-pulse-model';

export interface OpenWindowOptions {
  readonly startMs: number;
  readonly windowMs: number;
  /** First source offset that the window reads. */
  readonly fromOffset: number;
  /** Keys whose sums an earlier session has emitted already. */
  readonly emittedKeys: number;
  readonly keysMax: number;
}

export class OpenWindow {
  readonly startMs: number;
  readonly windowMs: number;
  readonly fromOffset: number;
  readonly emittedKeys: number;
  readonly keys: KeyTable;
  /** Offset behind the last message read in this window, dead letters included. */
  nextOffset: number;
  /** By key id: the fields that name the key in output lines. */
  readonly keyFields: Uint8Array[] = [];
  /** By key id: index into `tenants`. */
  tenantOfKey = new Int32Array(1024);
  /** Tenants as they stand in topic names, in order of first appearance. */
  readonly tenants: string[] = [];
  private readonly tenantIndexes = new Map<string, number>();

  constructor({ startMs, windowMs, fromOffset, emittedKeys, keysMax }: OpenWindowOptions) {
    this.startMs = startMs;
    this.windowMs = windowMs;
    this.fromOffset = fromOffset;
    this.nextOffset = fromOffset;
    this.emittedKeys = emittedKeys;
    this.keys = createKeyTable({ keysMax });
  }

  get endMs(): number {
    return this.startMs + this.windowMs;
  }

  /** The id of the key of the pulse just read. @throws PulsesError OVERLOADED above `keysMax` */
  keyOf(reader: PulseReader): number {
    const { text, tenantStart, tenantEnd, skuStart, skuEnd, unitStart, unitEnd } = reader;
    const id = this.keys.idOf(text, tenantStart, tenantEnd, skuStart, skuEnd, unitStart, unitEnd);
    if (id === this.keyFields.length) this.describeKey(id, reader);
    return id;
  }

  private describeKey(id: number, reader: PulseReader): void {
    const { text, tenantStart, tenantEnd, skuStart, skuEnd, unitStart, unitEnd } = reader;
    this.keyFields.push(encodeKeyFields(text, tenantStart, tenantEnd, skuStart, skuEnd, unitStart, unitEnd));
    if (id >= this.tenantOfKey.length) {
      const grown = new Int32Array(this.tenantOfKey.length * 2);
      grown.set(this.tenantOfKey);
      this.tenantOfKey = grown;
    }
    const tenant = text.subarray(tenantStart, tenantEnd);
    // One character a byte: two tenants share this text only when their bytes are the same.
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
