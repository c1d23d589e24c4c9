// Typed arrays that get longer.

type Column = Uint8Array | Uint16Array | Uint32Array | Float64Array;

/** A copy of this length, with zeros at its end. @param length at least that of the array */
export function grown<C extends Column>(column: C, length: number): C {
  const copy = new (column.constructor as new (length: number) => C)(length);
  copy.set(column);
  return copy;
}
