// Finds places in the text of a source map, whose segments never become objects.
//
// Guarantees: the answers of Node's SourceMap.findEntry. Bounds: one pass over the text for all places asked. As objects the
// segments of the broker's map, of 1.6 MB, take 44 MiB and half a second.

/** Both from 0. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface Origin extends Place {
  /** Index in the map's list of sources. */
  readonly source: number;
}

const COMMA = 0x2c;
const SEMICOLON = 0x3b;
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const VALUES = Uint8Array.from({ length: 128 }, (_, code) => Math.max(0, DIGITS.indexOf(String.fromCharCode(code))));
const DIGIT_BITS = 5;
/** Set in each digit of a number but its last one. The lowest digit comes first; the number's lowest bit is its sign. */
const MORE = 1 << DIGIT_BITS;
/** A segment is its column, and source, line and column of its origin unless it has none; then maybe a name. */
const FIELDS = 5;

/**
 * Where places of the generated file come from. One that has no origin is absent.
 *
 * @param mappings the field of this name: segments between commas, lines between semicolons, in their order. A number is
 *   the difference to the same field of the segment before
 */
export function originsOf(mappings: string, places: readonly Place[]): ReadonlyMap<Place, Origin> {
  const origins = new Map<Place, Origin>();
  const waiting = [...places].sort((a, b) => a.line - b.line || a.column - b.column).reverse();
  const fields = new Int32Array(FIELDS);
  let [line, field, value, shift] = [0, 0, 0, 0];
  let hasOrigin = false;

  /** Places before a segment belong to the one before it. */
  const settleBefore = (segmentLine: number, segmentColumn: number): void => {
    for (;;) {
      const place = waiting.at(-1);
      if (place === undefined || place.line > segmentLine) return;
      if (place.line === segmentLine && place.column >= segmentColumn) return;
      const [, source = 0, originLine = 0, originColumn = 0] = fields;
      if (hasOrigin) origins.set(place, { source, line: originLine, column: originColumn });
      waiting.pop();
    }
  };

  for (let at = 0; at < mappings.length && waiting.length > 0; at += 1) {
    const code = mappings.charCodeAt(at);
    if (code === COMMA || code === SEMICOLON) {
      if (field > 0) hasOrigin = field > 1;
      field = 0;
      if (code === SEMICOLON) {
        line += 1;
        fields[0] = 0;
      }
      continue;
    }
    const digit = VALUES[code] ?? 0;
    value |= (digit & (MORE - 1)) << shift;
    shift += DIGIT_BITS;
    if (digit >= MORE) continue;
    const delta = (value & 1) === 1 ? -(value >> 1) : value >> 1;
    const sum = (fields[field] ?? 0) + delta;
    // The other fields are still those of the segment before.
    if (field === 0) settleBefore(line, sum);
    fields[field] = sum;
    field += 1;
    value = shift = 0;
  }
  if (field > 0) hasOrigin = field > 1;
  settleBefore(Infinity, 0);
  return origins;
}
