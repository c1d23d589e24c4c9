// The entries of many topics in constant memory for each: their count and SHA-256.
//
// Two topics with one count and digest have the same entries in the same order.

import { createHash, type Hash } from 'node:crypto';

/** Characters gathered before they are hashed: a call for each entry costs more than the hashing. */
const GATHERED_CHARACTERS_MAX = 1024;

export interface Fingerprint {
  readonly count: number;
  readonly digest: string;
}

export interface Fingerprints {
  add(topic: string, entry: string): void;
  /** Of the entries so far. */
  of(topic: string): Fingerprint;
  topics(): string[];
}

interface State {
  readonly hash: Hash;
  gathered: string;
  count: number;
}

const NO_ENTRIES: Fingerprint = { count: 0, digest: createHash('sha256').digest('hex') };

export function createFingerprints(): Fingerprints {
  const states = new Map<string, State>();
  return {
    add(topic, entry) {
      let state = states.get(topic);
      if (state === undefined) {
        state = { hash: createHash('sha256'), gathered: '', count: 0 };
        states.set(topic, state);
      }
      // An entry holds no line feed: it is JSON.
      state.gathered += `${entry}\n`;
      state.count += 1;
      if (state.gathered.length < GATHERED_CHARACTERS_MAX) return;
      state.hash.update(state.gathered);
      state.gathered = '';
    },
    of(topic) {
      const state = states.get(topic);
      if (state === undefined) return NO_ENTRIES;
      const { hash, gathered, count } = state;
      return { count, digest: hash.copy().update(gathered).digest('hex') };
    },
    topics: () => [...states.keys()],
  };
}
