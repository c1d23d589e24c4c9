// A small, fast and repeatable source of numbers: splitmix32 to seed, xoshiro128** to draw (Blackman and Vigna 2018).

export interface SeededRandom {
  /** A whole number from 0 to `bound` - 1; `bound` is at most 2^32. */
  below(bound: number): number;
  /** A number in [0, 1). */
  fraction(): number;
}

export function createSeededRandom(seed: number): SeededRandom {
  let state = seed >>> 0;
  const splitmix = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
  let [a, b, c, d] = [splitmix(), splitmix(), splitmix(), splitmix()];
  const next = (): number => {
    const scrambled = Math.imul(b, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = (d << 11) | (d >>> 21);
    return result;
  };
  return {
    // The bias of a scaled 32-bit draw is below 2^-12 for any number of tenants, which a load does not feel.
    below: (bound) => Math.floor((next() / 2 ** 32) * bound),
    fraction: () => next() / 2 ** 32,
  };
}
