// Randomness, injected: tests pass a seeded one.

export interface Random {
  /** `count` fresh bytes, fit for identifiers that must not collide. */
  bytes(count: number): Uint8Array;
  /** A number in [0, 1), for jitter and load; not for identifiers. */
  fraction(): number;
}
