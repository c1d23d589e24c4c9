// The keys of a session's windows, one window after the other, over one dictionary.
//
// A key that comes again in the next window is known already. A dictionary that has grown too large is left to the
// windows that use it, and the next window starts another one. So keys that no longer come are forgotten, and a window
// always has room for its limit.
//
// Bounds: two dictionaries are in use, since two windows exist.

import type { Random } from '@pulses/shared-ports';
import { KeyDictionary } from './key-dictionary';
import { WindowKeys } from './window-keys';

/** A dictionary above either of these is not kept for the next window. */
export const KEPT_KEYS_MAX = 2 ** 18;
export const KEPT_TEXT_BYTES_MAX = 32 * 1024 * 1024;
/** Limit of a key table. */
const ENTRIES_MAX = 2 ** 22;
/** What a window may need, and what may be kept. */
const KEY_BYTES_MAX = 2 ** 30 + KEPT_TEXT_BYTES_MAX;

/** The most entries of a dictionary whose windows have up to `openKeysMax` keys. */
export function entriesMaxOf(openKeysMax: number): number {
  return Math.min(ENTRIES_MAX, openKeysMax + KEPT_KEYS_MAX);
}

export interface KeySpaceOptions {
  /** By entry; `entriesMaxOf(openKeysMax)` zeros. */
  readonly bindings: Int32Array;
  readonly openKeysMax: number;
  /** Seeds hashes; it changes no output. */
  readonly random: Random;
  /** Keys above which a dictionary is not kept; KEPT_KEYS_MAX when absent. */
  readonly keptKeysMax?: number;
}

export class KeySpace {
  readonly #options: KeySpaceOptions;
  #dictionary: KeyDictionary;

  /** @throws TypeError for more keys than a table can hold */
  constructor(options: KeySpaceOptions) {
    if (options.openKeysMax > ENTRIES_MAX)
      throw new TypeError(`openKeysMax must be at most ${ENTRIES_MAX}, got ${options.openKeysMax}`);
    this.#options = options;
    this.#dictionary = this.#newDictionary();
  }

  /** The keys of the next window, none so far. The window before looks up no more keys. */
  startWindow(): WindowKeys {
    const { bindings, openKeysMax, keptKeysMax = KEPT_KEYS_MAX } = this.#options;
    const { size, textBytes } = this.#dictionary;
    bindings.fill(0, 0, size);
    if (size > bindings.length - openKeysMax || size > keptKeysMax || textBytes > KEPT_TEXT_BYTES_MAX)
      this.#dictionary = this.#newDictionary();
    return new WindowKeys(this.#dictionary, bindings, openKeysMax);
  }

  #newDictionary(): KeyDictionary {
    const { bindings, random } = this.#options;
    const seed = Buffer.from(random.bytes(8));
    return new KeyDictionary({
      keysMax: bindings.length,
      bytesMax: KEY_BYTES_MAX,
      hashSeed: [seed.readInt32LE(0), seed.readInt32LE(4)],
    });
  }
}
