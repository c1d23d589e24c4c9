// The members of a JSON object, by where they stand. For text that is known to be a JSON object.

/** One `"key": value`; the value is `bytes[valueStart, valueEnd)`, without white space around it. */
export interface Member {
  /** Without escapes; may hold lone surrogates. */
  readonly key: string;
  readonly valueStart: number;
  readonly valueEnd: number;
}

const QUOTE = 34;
const BACKSLASH = 92;

/** Lists the members in order, duplicates too. Nested values are stepped over by counting brackets. */
export function topLevelMembers(object: Buffer): Member[] {
  const members: Member[] = [];
  let at = skipSpace(object, 0) + 1;
  for (;;) {
    at = skipSpace(object, at);
    if (object[at] !== QUOTE) return members;
    const keyEnd = stringEnd(object, at);
    const key = JSON.parse(object.toString('utf8', at, keyEnd)) as string;
    const valueStart = skipSpace(object, skipSpace(object, keyEnd) + 1);
    const valueEnd = endOfValue(object, valueStart);
    members.push({ key, valueStart, valueEnd });
    at = skipSpace(object, valueEnd) + 1;
  }
}

function skipSpace(bytes: Buffer, start: number): number {
  let at = start;
  while (at < bytes.byteLength && (bytes[at] ?? 0) <= 32) at += 1;
  return at;
}

/** Position behind the string that starts at `start`. */
function stringEnd(bytes: Buffer, start: number): number {
  let at = start + 1;
  while (bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at + 1;
}

function endOfValue(bytes: Buffer, start: number): number {
  let depth = 0;
  let at = start;
  do {
    const byte = bytes[at];
    if (byte === QUOTE) at = stringEnd(bytes, at);
    else if (byte === 123 || byte === 91) {
      depth += 1;
      at += 1;
    } else if (byte === 125 || byte === 93) {
      depth -= 1;
      at += 1;
    } else if (depth > 0) at += 1;
    else at = endOfLiteral(bytes, at);
  } while (depth > 0);
  return at;
}

/** Position behind a number, true, false or null. */
function endOfLiteral(bytes: Buffer, start: number): number {
  let at = start;
  while (at < bytes.byteLength && !/[\s,}\]]/.test(String.fromCharCode(bytes[at] ?? 0))) at += 1;
  return at;
}
