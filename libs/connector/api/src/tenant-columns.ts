// Output lines of many tenants as columns: no object for a tenant.

/** Lines, tenant by tenant. Row `i` is `counts[i]` lines in the next `lengths[i]` bytes of the payload; a tenant has one row. */
export interface TenantColumns {
  /**
   * Tenants as they stand in topic names (`encodeTenant` of the pulse model), by index. The list may grow; an index of the
   * same list is always the same tenant, so an adapter may remember what it knows by it.
   */
  readonly tenants: readonly string[];
  /** By row: the tenant's index, lines, bytes. */
  readonly indexes: Uint32Array;
  readonly counts: Uint32Array;
  readonly lengths: Uint32Array;
  /** The lines in the order of the rows, each ended by a line feed. */
  readonly payload: Uint8Array;
}

/** Output lines of one tenant. `payload` holds `recordCount` lines, each ended by a line feed. */
export interface TenantOutput {
  readonly tenant: string;
  readonly recordCount: number;
  readonly payload: Uint8Array;
}

/** The rows of columns one by one, for a system that knows no columns. */
export function tenantOutputs(columns: TenantColumns | undefined): TenantOutput[] {
  if (columns === undefined) return [];
  const { tenants, indexes, counts, lengths, payload } = columns;
  let end = 0;
  return Array.from(indexes, (index, row) => {
    const start = end;
    end += lengths[row]!; // as many as indexes
    return { tenant: tenants[index]!, recordCount: counts[row]!, payload: payload.subarray(start, end) };
  });
}

/** The columns of outputs, a tenant each; undefined for none. */
export function tenantColumns(outputs: readonly TenantOutput[]): TenantColumns | undefined {
  if (outputs.length === 0) return undefined;
  return {
    tenants: outputs.map(({ tenant }) => tenant),
    indexes: Uint32Array.from(outputs.keys()),
    counts: Uint32Array.from(outputs, ({ recordCount }) => recordCount),
    lengths: Uint32Array.from(outputs, ({ payload }) => payload.byteLength),
    payload: Buffer.concat(outputs.map(({ payload }) => payload)),
  };
}
