// Names of exported directories and files. A topic name never becomes a path: it becomes one directory name, and that only.
//
// Guarantees: two topics never share a directory name; a name holds no slash, is not hidden and fits 255 bytes; names
// made of letters, digits and `.` `_` `-` `=` `%` are their own directory names.

import { createHash } from 'node:crypto';

const DIRECTORY_BYTES_MAX = 200;
const NOT_PLAIN = /^\.|[^A-Za-z0-9._=%-]/gu;
const OFFSET_DIGITS = 16;
const FILE = /^(\d{16})\.ndjson$/;

/** Directory of the topic. A byte that is not plain, and a leading dot, become `+` and two hex digits. */
export function topicDirectoryName(topic: string): string {
  const name = topic.replace(NOT_PLAIN, escaped);
  if (name.length <= DIRECTORY_BYTES_MAX) return name;
  // `+s` is never made above.
  return `+sha256-${createHash('sha256').update(topic).digest('hex')}`;
}

function escaped(character: string): string {
  return Array.from(Buffer.from(character), (byte) => `+${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}

/** File of the messages from this offset on. */
export function messageFileName(firstOffset: number): string {
  return `${String(firstOffset).padStart(OFFSET_DIGITS, '0')}.ndjson`;
}

/** Undefined for a name that an export never gives. */
export function firstOffsetOf(name: string): number | undefined {
  const digits = FILE.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
