// Decodes JSON strings to bytes, and finds what a pulse forbids in them.
//
// Escapes can encode a lone surrogate, which UTF-8 can't. Such surrogates are kept in the three-byte pattern of UTF-8
// (0xED 0xA0…0xBF …, as in WTF-8). So two strings are equal exactly when their bytes are, and lone surrogates are found.

import { BACKSLASH, hexValue } from './json-scanner';

const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };
/** The meaning of the byte after a backslash. */
const ESCAPED = Uint8Array.from({ length: 128 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  return (ESCAPES[character] ?? character).charCodeAt(0);
});
const LOWER_U = 117;
const ESCAPE_BYTES = 6;

/**
 * The content of a string that `skipString` has accepted, with escapes decoded: a view without escapes, else a copy.
 */
export function unescaped(inside: Buffer): Buffer {
  if (!inside.includes(BACKSLASH)) return inside;
  const out = Buffer.allocUnsafe(inside.byteLength);
  return out.subarray(0, unescape(inside, out));
}

/** Returns the position after its output, which is never longer than its input. */
function unescape(bytes: Uint8Array, out: Uint8Array): number {
  const end = bytes.length;
  let at = 0;
  let to = 0;
  while (at < end) {
    const byte = bytes[at] as number;
    if (byte !== BACKSLASH) {
      out[to++] = byte;
      at += 1;
    } else if (bytes[at + 1] !== LOWER_U) {
      out[to++] = ESCAPED[bytes[at + 1] as number] as number;
      at += 2;
    } else {
      let code = codeUnitAt(bytes, at);
      at += ESCAPE_BYTES;
      const low = isHighSurrogate(code) && at < end && bytes[at] === BACKSLASH ? codeUnitAt(bytes, at) : 0;
      if (isLowSurrogate(low)) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        at += ESCAPE_BYTES;
      }
      to = writeCharacter(code, out, to);
    }
  }
  return to;
}

/** The code unit of the escape `\uXXXX` at `at`; 0 for another escape. */
function codeUnitAt(bytes: Uint8Array, at: number): number {
  if (bytes[at + 1] !== LOWER_U) return 0;
  let code = 0;
  for (let index = at + 2; index < at + ESCAPE_BYTES; index += 1) code = code * 16 + hexValue(bytes[index] as number);
  return code;
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code < 0xdc00;
}

function isLowSurrogate(code: number): boolean {
  return code >= 0xdc00 && code < 0xe000;
}

function writeCharacter(code: number, out: Uint8Array, position: number): number {
  let to = position;
  if (code < 0x80) {
    out[to++] = code;
    return to;
  }
  if (code < 0x800) out[to++] = 0xc0 | (code >> 6);
  else {
    if (code < 0x10000) out[to++] = 0xe0 | (code >> 12);
    else {
      out[to++] = 0xf0 | (code >> 18);
      out[to++] = 0x80 | ((code >> 12) & 0x3f);
    }
    out[to++] = 0x80 | ((code >> 6) & 0x3f);
  }
  out[to++] = 0x80 | (code & 0x3f);
  return to;
}

/** Whether decoded text contains a lone surrogate. */
export function holdsLoneSurrogate(text: Uint8Array): boolean {
  return text.some((byte, at) => byte === 0xed && (text[at + 1] as number) >= 0xa0);
}

/** Whether the text contains a character of Unicode's category Cc (U+0000 to U+001F, U+007F to U+009F). */
export function holdsControl(text: Uint8Array): boolean {
  return text.some((byte, at) => byte < 0x20 || byte === 0x7f || (byte === 0xc2 && (text[at + 1] as number) < 0xa0));
}
