// The keys of one window: (tenant, SKU, unit) byte strings to dense ids in order of first appearance.
//
// Guarantees: two keys are one when their bytes are, and only then; id `n` is the (n + 1)-th distinct key added. Lookups
// allocate nothing. Bounds: `keysMax`; growth doubles.

/** @see createKeyTable */
export interface KeyTable {
  /** Number of keys. */
  readonly size: number;
  /**
   * The id of the key made of three byte ranges of `text`, added when it is new (then `size` grows by one).
   * @throws PulsesError OVERLOADED when `keysMax` keys are held already
   */
  idOf(
    text: Uint8Array,
    tenantStart: number,
    tenantEnd: number,
    skuStart: number,
    skuEnd: number,
    unitStart: number,
    unitEnd: number,
  ): number;
  /** The key's bytes: u16le length and bytes of tenant, then of SKU, then of unit. A view: do not change it. */
  bytesOf(id: number): Uint8Array;
}
