// The members of a message that is one JSON object, without duplicate keys.
//
// JSON.parse keeps the last of two equal keys and turns numbers into doubles, so this cuts the members out of the text.
// Values under unknown keys are not read: they may be nested to any depth.

import { NumberText, type DeadLetterReason } from '@pulses/shared-pulse-model';

/** Numbers as NumberText; null for everything that is neither a string nor a number. */
export type Members = ReadonlyMap<string, string | NumberText | null>;

/** The members, or the reason why there are none. */
export function membersOf(
  text: string,
): Members | Extract<DeadLetterReason, 'not_json' | 'not_object' | 'duplicate_key'> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'not_json';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'not_object';
  const members = new Map<string, string | NumberText | null>();
  for (const { key, valueText } of cut(text)) {
    if (members.has(key)) return 'duplicate_key';
    members.set(key, scalarOf(valueText));
  }
  return members;
}

function scalarOf(valueText: string): string | NumberText | null {
  const first = valueText[0] ?? '';
  if (first === '"') return JSON.parse(valueText) as string;
  return first === '-' || (first >= '0' && first <= '9') ? new NumberText(valueText) : null;
}

/** A string, bracket, comma or colon. Between tokens stand white space, numbers and words. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]/g;

/** Cuts the outermost object of a valid JSON text into its members. */
function* cut(text: string): Generator<{ key: string; valueText: string }, void, undefined> {
  let depth = 0;
  let key: string | undefined;
  let valueStart = 0;
  let lastString = '';
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (token === '{' || token === '[') depth += 1;
    if (token === '}' || token === ']') depth -= 1;
    const endsMember = (token === ',' && depth === 1) || (token === '}' && depth === 0);
    if (endsMember && key !== undefined) {
      yield { key, valueText: text.slice(valueStart, index).trim() };
      key = undefined;
    } else if (token === ':' && depth === 1) {
      key = JSON.parse(lastString) as string;
      valueStart = index + 1;
    } else if (token.startsWith('"')) lastString = token;
  }
}
