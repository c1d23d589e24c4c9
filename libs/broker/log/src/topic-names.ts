// Where a topic's files are. A topic name never becomes a path: it becomes one directory name, and that only.
//
// Guarantees: two topics never share a directory name; a name holds no slash, is not hidden and fits 255 bytes; names
// made of letters, digits and `.` `_` `-` `=` `%` are their own directory names. Files carry a part of the
// incarnation, so the files of a deleted topic and of its successor can stand side by side.

import { createHash } from 'node:crypto';
import { utf8 } from './bytes';

const DIRECTORY_BYTES_MAX = 200;
const NOT_PLAIN = /^\.|[^A-Za-z0-9._=%-]/gu;
const FILE = /^(\d{16})\.([0-9a-f]{8})\.(ndjson|index)$/;

/** Directory of the topic. A byte that is not plain, and a leading dot, become `+` and two hex digits. */
export function topicDirectoryName(topic: string): string {
  const name = topic.replace(NOT_PLAIN, escaped);
  if (name.length <= DIRECTORY_BYTES_MAX) return name;
  // `+s` is never made above.
  return `+sha256-${createHash('sha256').update(topic).digest('hex')}`;
}

function escaped(character: string): string {
  return Array.from(utf8(character), (byte) => `+${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}

export type TopicFileKind = 'ndjson' | 'index';

export interface TopicFileName {
  readonly baseOffset: number;
  readonly incarnationPart: string;
  readonly kind: TopicFileKind;
}

export function topicFileName(baseOffset: number, incarnation: string, kind: TopicFileKind): string {
  return `${String(baseOffset).padStart(16, '0')}.${incarnation.slice(0, 8)}.${kind}`;
}

/** Undefined for a name that the log never gives. */
export function parseTopicFileName(name: string): TopicFileName | undefined {
  const match = FILE.exec(name);
  if (match === null) return undefined;
  const [, digits, incarnationPart, kind] = match;
  return { baseOffset: Number(digits), incarnationPart: incarnationPart!, kind: kind as TopicFileKind }; // matched
}
