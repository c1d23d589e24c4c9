// The keys of a pulse, two of them with two spellings.

/** One bit per field, so that a set of fields is a number. */
export const TENANT = 1;
export const SKU = 2;
export const UNIT = 4;
export const AMOUNT = 8;
export const PULSE_ID = 16;
export const TIMESTAMP = 32;
export const REQUIRED_FIELDS = TENANT | SKU | UNIT | AMOUNT;

/** A key as in the usual line. */
export interface PulseKey {
  readonly field: number;
  readonly name: string;
  /** Quote, name, quote, colon. */
  readonly token: Uint8Array;
}

const key = (name: string, field: number): PulseKey => ({ field, name, token: Buffer.from(`"${name}":`) });

/** In the usual order of lines. */
export const PULSE_KEYS: readonly PulseKey[] = [
  key('tenant_id', TENANT),
  key('product_sku', SKU),
  key('used_ammount', AMOUNT),
  key('use_unity', UNIT),
  key('pulse_id', PULSE_ID),
  key('timestamp', TIMESTAMP),
  key('used_amount', AMOUNT),
  key('use_unit', UNIT),
];

/** The key with the token prefix `bytes[start, end)`, a quoted name without its colon. */
export function pulseKeyOf(bytes: Uint8Array, start: number, end: number): PulseKey | undefined {
  for (let index = 0; index < PULSE_KEYS.length; index += 1) {
    const candidate = PULSE_KEYS[index] as PulseKey;
    if (candidate.token.length === end - start + 1 && startsWith(bytes, start, end, candidate.token, end - start))
      return candidate;
  }
  return undefined;
}

/** Whether the bytes at `start`, before `end`, are the first `length` bytes of `token`. */
export function startsWith(
  bytes: Uint8Array,
  start: number,
  end: number,
  token: Uint8Array,
  length = token.length,
): boolean {
  if (end - start < length) return false;
  for (let index = 0; index < length; index += 1) if (bytes[start + index] !== token[index]) return false;
  return true;
}
