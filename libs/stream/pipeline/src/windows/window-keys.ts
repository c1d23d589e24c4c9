// The keys of one window: entries of the dictionary, numbered in order of first appearance.
//
// Guarantees: ids are dense, and a pure function of the log. Bounds: `keysMax` keys.

import type { KeyList } from '@pulses/aggregation-api';
import { PulsesError } from '@pulses/shared-errors';
import type { KeyFieldsSource } from '@pulses/shared-pulse-model';
import type { KeyDictionary } from './key-dictionary';

export class WindowKeys implements KeyList, KeyFieldsSource {
  size = 0;
  readonly dictionary: KeyDictionary;
  readonly #bindings: Int32Array;
  readonly #keysMax: number;
  /** By id: the entry. */
  #entries = new Int32Array(1024);

  /** @param bindings by entry: id + 1, or 0. Of the newest window alone; an older one looks up no more keys. */
  constructor(dictionary: KeyDictionary, bindings: Int32Array, keysMax: number) {
    this.dictionary = dictionary;
    this.#bindings = bindings;
    this.#keysMax = keysMax;
  }

  /** The id of the key in three ranges of `text`. @throws PulsesError WINDOW_FULL when there is no room for it */
  idOf(
    text: Uint8Array,
    tenantStart: number,
    tenantEnd: number,
    skuStart: number,
    skuEnd: number,
    unitStart: number,
    unitEnd: number,
  ): number {
    const entry = this.dictionary.entryOf(text, tenantStart, tenantEnd, skuStart, skuEnd, unitStart, unitEnd);
    const bound = this.#bindings[entry] as number;
    return bound === 0 ? this.bind(entry) : bound - 1;
  }

  /** Gives the next id to an entry that has none. @throws PulsesError WINDOW_FULL when there is no room for it */
  bind(entry: number): number {
    const id = this.size;
    if (id === this.#keysMax)
      throw new PulsesError('WINDOW_FULL', `the window is full: limit of ${this.#keysMax} keys reached`);
    if (id === this.#entries.length) {
      const grown = new Int32Array(2 * id);
      grown.set(this.#entries);
      this.#entries = grown;
    }
    this.#entries[id] = entry;
    this.#bindings[entry] = id + 1;
    this.size = id + 1;
    return id;
  }

  bytesOf(id: number): Uint8Array {
    if (!(id >= 0 && id < this.size)) throw new TypeError(`no key has the id ${id}; the window has ${this.size}`);
    return this.dictionary.bytesOf(this.#entries[id] as number);
  }

  /** Index of the key's tenant into the dictionary's `tenants`. */
  tenantOf(id: number): number {
    return this.dictionary.tenantOf(this.#entries[id] as number);
  }

  /** Number of bytes of the key's fields. */
  lengthOf(id: number): number {
    return this.dictionary.fields.lengthOf(this.#entries[id] as number);
  }

  /** Writes the key's fields and returns the position after them. */
  write(id: number, out: Uint8Array, position: number): number {
    return this.dictionary.fields.write(this.#entries[id] as number, out, position);
  }
}
