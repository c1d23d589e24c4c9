// Text from outside, made safe for a terminal.

import { isUtf8 } from 'node:buffer';

/** Control, formatting, surrogate and unassigned characters, and the two line separators. */
const UNPRINTABLE = /[\p{C}\u2028\u2029]/gu;
/** Characters that JSON.stringify does not escape, although a terminal may obey them. */
const UNPRINTABLE_IN_JSON = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** The text with every terminal control character written as `\u{…}`. */
export function visibleText(text: string): string {
  return text.replace(UNPRINTABLE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/** Bytes as text: those that are no UTF-8 as `\\xHH`, the rest like `visibleText`. */
export function visibleBytes(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isUtf8(buffer)) return visibleText(buffer.toString('utf8'));
  // One UTF-8 character at a time, or one byte that belongs to none.
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

/** The value as JSON without terminal control characters; parses to the same value. */
export function visibleJson(value: unknown): string {
  return visibleJsonText(JSON.stringify(value));
}

/** The same for text that is JSON already. */
function visibleJsonText(json: string): string {
  return json.replace(
    UNPRINTABLE_IN_JSON,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
