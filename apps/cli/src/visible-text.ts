// Text that came from elsewhere, made fit for a terminal.

import { isUtf8 } from 'node:buffer';

/** Control, formatting, surrogate and unassigned characters, and the two line separators. */
const UNPRINTABLE = /[\p{C}\u2028\u2029]/gu;
/** What JSON.stringify leaves as it is, although a terminal may obey it. */
const UNPRINTABLE_IN_JSON = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** The text with everything that could steer a terminal written as `\u{…}`. */
export function visibleText(text: string): string {
  return text.replace(UNPRINTABLE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/** Bytes of which some may be no text: those as `\\xHH`, the rest like `visibleText`. */
export function visibleBytes(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isUtf8(buffer)) return visibleText(buffer.toString('utf8'));
  // A character of UTF-8, or one byte that is none.
  let text = '';
  for (let at = 0; at < buffer.length;) {
    const length = [4, 3, 2, 1].find(
      (count) => at + count <= buffer.length && isCharacter(buffer.subarray(at, at + count)),
    );
    if (length === undefined) text += `\\x${buffer.toString('hex', at, at + 1)}`;
    else text += visibleText(buffer.toString('utf8', at, at + length));
    at += length ?? 1;
  }
  return text;
}

function isCharacter(bytes: Buffer): boolean {
  return isUtf8(bytes) && [...bytes.toString('utf8')].length === 1;
}

/** The value as JSON without characters that could steer a terminal; the same value when it is parsed. */
export function visibleJson(value: unknown): string {
  return visibleJsonText(JSON.stringify(value));
}

/** The same for text that is JSON already. */
export function visibleJsonText(json: string): string {
  return json.replace(
    UNPRINTABLE_IN_JSON,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
