// Strings that hold what their bytes say: valid UTF-8 without escapes and control characters.

import { BACKSLASH, QUOTE, skipCharacter } from './json-scanner';

/** 1 for ASCII characters that need no escape in a string: no control character, quote or backslash. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte < 0x7f && byte !== QUOTE && byte !== BACKSLASH ? 1 : 0,
);

/** Position after a string without escapes and control characters; negative for any other string. */
export function skipPlainString(bytes: Uint8Array, start: number, end: number): number {
  if (start >= end || bytes[start] !== QUOTE) return -1;
  for (let at = start + 1; at < end;) {
    const byte = bytes[at] as number;
    if (PLAIN[byte] === 1) at += 1;
    else if (byte === QUOTE) return at + 1;
    else {
      // U+0080 to U+009F, the control characters beyond ASCII, start with 0xC2.
      if (byte < 0x80 || (byte === 0xc2 && (bytes[at + 1] as number) < 0xa0)) return -1;
      at = skipCharacter(bytes, at, end);
      if (at < 0) return -1;
    }
  }
  return -1;
}
