// The members of a JSON object, by where they stand.

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
 * Lists the members of the object that opens at `start`, duplicates too.
 * @returns the position behind the object, or `~position` of the first byte that is not JSON
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
 * A key to look up a member with: the key's bytes without escapes, one character each, behind a quote. Two are equal
 * exactly when their keys are. The quote keeps a key of digits from being hashed as an array index, which older V8 does
 * without a seed: a message could then be made whose keys all collide.
 */
export function keyOfMember(bytes: Buffer, { keyStart, keyEnd }: Member): string {
  return keyOf(unescaped(bytes.subarray(keyStart + 1, keyEnd - 1)));
}

/** @see keyOfMember */
export function keyOf(name: Buffer): string {
  return `"${name.toString('latin1')}`;
}
