// The window that is being read, with its keys.

import type { KeyList } from '@pulses/aggregation-api';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import type { PulseReader } from '@pulses/shared-pulse-model';
import type { EmissionOrder } from './emission-block';
import type { WindowKeys } from './window-keys';

export interface OpenWindowOptions {
  readonly startMs: number;
  readonly windowMs: number;
  /** First source offset that the window reads. */
  readonly fromOffset: number;
  /** Number of keys whose sums an earlier session has emitted. */
  readonly emittedKeys: number;
  /** `tenant` unless an earlier session has emitted in another one. */
  readonly order?: EmissionOrder;
  readonly keys: WindowKeys;
}

export class OpenWindow {
  readonly startMs: number;
  readonly windowMs: number;
  readonly fromOffset: number;
  readonly emittedKeys: number;
  readonly order: EmissionOrder;
  readonly keys: WindowKeys;
  /** Offset behind the last message read in this window, dead letters included. */
  nextOffset: number;
  /** First offset of the next window, where one is open already and offsets are missing between the two. */
  followedBy: number | undefined;

  constructor({ startMs, windowMs, fromOffset, emittedKeys, order, keys }: OpenWindowOptions) {
    this.startMs = startMs;
    this.windowMs = windowMs;
    this.fromOffset = fromOffset;
    this.nextOffset = fromOffset;
    this.emittedKeys = emittedKeys;
    this.order = order ?? 'tenant';
    this.keys = keys;
  }

  get endMs(): number {
    return this.startMs + this.windowMs;
  }

  /** Tenants as they stand in topic names, by the indexes of `keys.tenantOf`. */
  get tenants(): readonly string[] {
    return this.keys.dictionary.tenants;
  }

  /** The id of the key of the pulse just read. @throws PulsesError WINDOW_FULL when there is no room for it */
  keyOf(reader: PulseReader): number {
    const { text, tenantStart, tenantEnd, skuStart, skuEnd, unitStart, unitEnd } = reader;
    try {
      return this.keys.idOf(text, tenantStart, tenantEnd, skuStart, skuEnd, unitStart, unitEnd);
    } catch (error) {
      throw this.#asOwn(error);
    }
  }

  /** Gives an id to an entry of the dictionary that has none yet. @throws PulsesError WINDOW_FULL when there is no room for it */
  bind(entry: number): void {
    try {
      this.keys.bind(entry);
    } catch (error) {
      throw this.#asOwn(error);
    }
  }

  /** Adds the keys that an engine has kept, under their ids. */
  takeKeys(keys: KeyList): void {
    for (let id = 0; id < keys.size; id += 1) {
      const bytes = keys.bytesOf(id);
      const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const tenantEnd = 2 + view.readUInt16LE(0);
      const skuEnd = tenantEnd + 2 + view.readUInt16LE(tenantEnd);
      this.keys.idOf(view, 2, tenantEnd, tenantEnd + 2, skuEnd, skuEnd + 2, view.byteLength);
    }
  }

  /** The error with the window's name in it. */
  #asOwn(error: unknown): unknown {
    if (!isPulsesError(error, 'WINDOW_FULL')) return error;
    return new PulsesError(
      'WINDOW_FULL',
      `the window that starts at ${this.startMs} ms holds its limit of ${this.keys.size} keys (tenant, SKU, unit); shorten the window`,
      { cause: error },
    );
  }
}
