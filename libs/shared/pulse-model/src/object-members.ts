// The positions of the members of a JSON object.

import { CLOSE_BRACE, COMMA, skipColon, skipSpace, skipString, skipValue } from './json-scanner';
import { unescaped } from './json-strings';

/** One `"key": value`; the value is `bytes[valueStart, valueEnd)`, without white space around it. */
export interface Member {
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

/**
 * Lists the members of the object at `start`, including duplicates.
 * @returns the position after the object, or `~position` of the first invalid byte
 */
export function listMembers(bytes: Uint8Array, start: number, end: number, members: Member[]): number {
  let at = skipSpace(bytes, start + 1, end);
  if (at < end && bytes[at] === CLOSE_BRACE) return at + 1;
  for (;;) {
    const keyStart = at;
    const keyEnd = skipString(bytes, keyStart, end);
    if (keyEnd < 0) return keyEnd;
    const valueStart = skipColon(bytes, keyEnd, end);
    if (valueStart < 0) return valueStart;
    const valueEnd = skipValue(bytes, valueStart, end);
    if (valueEnd < 0) return valueEnd;
    members.push({ keyStart, keyEnd, valueStart, valueEnd });
    at = skipSpace(bytes, valueEnd, end);
    if (at < end && bytes[at] === CLOSE_BRACE) return at + 1;
    if (at >= end || bytes[at] !== COMMA) return ~at;
    at = skipSpace(bytes, at + 1, end);
  }
}

/**
 * A lookup key of a member: a quote and the decoded bytes of its key, one character each. Lookup keys are equal exactly
 * when the keys are. The quote prevents V8 from hashing a key of digits as an array index. Older versions do that
 * without a seed, so crafted messages could make all keys collide.
 */
export function keyOfMember(bytes: Buffer, { keyStart, keyEnd }: Member): string {
  return keyOf(unescaped(bytes.subarray(keyStart + 1, keyEnd - 1)));
}

/** @see keyOfMember */
export function keyOf(name: Buffer): string {
  return `"${name.toString('latin1')}`;
}
