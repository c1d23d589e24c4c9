// Scans JSON text (RFC 8259) byte by byte without building values.
//
// Every function starts at a position and returns the position after what it has scanned. For invalid JSON or UTF-8
// (Unicode 16, table 3-7) it returns `~position` of the first invalid byte, a negative number.
//
// Linear in the length. Iterative, with a stack of one byte per level, so that deep nesting overflows nothing.

import { scanNumber } from './amount-reading';

export const QUOTE = 34;
export const BACKSLASH = 92;
export const COMMA = 44;
export const COLON = 58;
export const OPEN_BRACE = 123;
export const CLOSE_BRACE = 125;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;
const SPACE = 32;
const LOWER_U = 117;

const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const NULL = Buffer.from('null');
/** Characters allowed after a backslash, besides `u`. */
const ESCAPED = Uint8Array.from({ length: 256 }, (_, byte) =>
  '"\\/bfnrt'.includes(String.fromCharCode(byte)) ? 1 : 0,
);

/** Optional white space. */
export function skipSpace(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && (bytes[at] as number) <= SPACE) {
    const byte = bytes[at] as number;
    if (byte !== SPACE && byte !== 9 && byte !== 10 && byte !== 13) return at;
    at += 1;
  }
  return at;
}

/** A string including its quotes. */
export function skipString(bytes: Uint8Array, start: number, end: number): number {
  if (start >= end || bytes[start] !== QUOTE) return ~start;
  let at = start + 1;
  while (at < end) {
    const byte = bytes[at] as number;
    if (byte === QUOTE) return at + 1;
    if (byte < SPACE) return ~at;
    if (byte < 0x80 && byte !== BACKSLASH) at += 1;
    else {
      const behind = byte === BACKSLASH ? skipEscape(bytes, at, end) : skipCharacter(bytes, at, end);
      if (behind < 0) return behind;
      at = behind;
    }
  }
  return ~at;
}

/** A character of two to four bytes. */
export function skipCharacter(bytes: Uint8Array, start: number, end: number): number {
  const first = bytes[start] as number;
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (length === 0 || start + length > end) return ~start;
  const second = bytes[start + 1] as number;
  // No overlong form, no surrogate, nothing above U+10FFFF.
  const secondMin = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const secondMax = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < secondMin || second > secondMax) return ~start;
  for (let at = start + 2; at < start + length; at += 1) if (((bytes[at] as number) & 0xc0) !== 0x80) return ~start;
  return start + length;
}

/** An escape, including its backslash. */
function skipEscape(bytes: Uint8Array, start: number, end: number): number {
  if (start + 1 >= end) return ~end;
  const kind = bytes[start + 1] as number;
  if (ESCAPED[kind] === 1) return start + 2;
  if (kind !== LOWER_U) return ~(start + 1);
  for (let at = start + 2; at < start + 6; at += 1) if (at >= end || hexValue(bytes[at] as number) < 0) return ~at;
  return start + 6;
}

/** The value of a hexadecimal digit, or -1. */
export function hexValue(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

/** A string, number, true, false or null. */
function skipScalar(bytes: Uint8Array, start: number, end: number): number {
  if (start >= end) return ~end;
  const byte = bytes[start] as number;
  if (byte === QUOTE) return skipString(bytes, start, end);
  if (byte === TRUE[0]) return skipWord(TRUE, bytes, start, end);
  if (byte === FALSE[0]) return skipWord(FALSE, bytes, start, end);
  if (byte === NULL[0]) return skipWord(NULL, bytes, start, end);
  const behind = scanNumber(bytes, start, end);
  return behind > start ? behind : ~start;
}

function skipWord(word: Uint8Array, bytes: Uint8Array, start: number, end: number): number {
  for (let index = 0; index < word.length; index += 1)
    if (start + index >= end || bytes[start + index] !== word[index]) return ~(start + index);
  return start + word.length;
}

/** The closing bracket of each open level. Bounded by the longest message. */
let stack = new Uint8Array(64);

function push(depth: number, closing: number): void {
  if (depth === stack.length) {
    const grown = new Uint8Array(stack.length * 2);
    grown.set(stack);
    stack = grown;
  }
  stack[depth] = closing;
}

/** Any value, without white space before it. */
export function skipValue(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  let depth = 0;
  for (;;) {
    const closing = at < end ? closingOf(bytes[at] as number) : 0;
    if (closing === 0) {
      at = skipScalar(bytes, at, end);
      if (at < 0) return at;
    } else {
      at = skipSpace(bytes, at + 1, end);
      if (at >= end || bytes[at] !== closing) {
        push(depth, closing);
        depth += 1;
        if (closing === CLOSE_BRACE) at = skipKey(bytes, at, end);
        if (at < 0) return at;
        continue;
      }
      at += 1;
    }
    // After a value: leave every level that ends here.
    for (; depth > 0; at += 1, depth -= 1) {
      at = skipSpace(bytes, at, end);
      if (at >= end || bytes[at] !== stack[depth - 1]) break;
    }
    if (depth === 0) return at;
    if (at >= end || bytes[at] !== COMMA) return ~at;
    at = skipSpace(bytes, at + 1, end);
    if (stack[depth - 1] === CLOSE_BRACE) at = skipKey(bytes, at, end);
    if (at < 0) return at;
  }
}

/** The closing bracket for the opening bracket `byte`, or 0. */
function closingOf(byte: number): number {
  return byte === OPEN_BRACE ? CLOSE_BRACE : byte === OPEN_BRACKET ? CLOSE_BRACKET : 0;
}

/** A key, its colon, and the white space around the colon. */
function skipKey(bytes: Uint8Array, start: number, end: number): number {
  const keyEnd = skipString(bytes, start, end);
  return keyEnd < 0 ? keyEnd : skipColon(bytes, keyEnd, end);
}

/** The colon after a key, and the white space around it. */
export function skipColon(bytes: Uint8Array, start: number, end: number): number {
  const colon = skipSpace(bytes, start, end);
  if (colon >= end || bytes[colon] !== COLON) return ~colon;
  return skipSpace(bytes, colon + 1, end);
}
