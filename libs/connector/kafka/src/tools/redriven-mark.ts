// Marks of what was published with them, as offsets of groups of their own, since one offset has room for one mark only.
//
//   pulses.marks.<group>.<name>        stored by the transaction that publishes; Kafka forgets it after
//                                      `offsets.retention.minutes`
//   pulses.kept-marks.<group>.<name>   a copy that is stored next, which Kafka keeps
//
// A mark is the union of both: its metadata is base64 of bits, of which a change only sets more. Nothing fences the copy: a
// process that was overtaken can overwrite it with fewer bits, and puts them back from the mark (see mark-copy.ts). What a
// killed process has not copied or put back, the next one copies at its start, unless Kafka has forgotten the mark by then.

import type { GroupPosition } from '@pulses/connector-api';

const PREFIX = 'pulses.marks.';
const KEPT_PREFIX = 'pulses.kept-marks.';

export interface MarkName {
  readonly group: string;
  readonly name: string;
}

/** The group whose offset a transaction stores. */
export function markGroup({ group, name }: MarkName): string {
  return `${PREFIX}${group}.${name}`;
}

/** The group whose offset is the copy. */
export function keptMarkGroup({ group, name }: MarkName): string {
  return `${KEPT_PREFIX}${group}.${name}`;
}

/** Whose mark the offset of a group is; undefined for any other group. A group's name may hold points, a mark's not. */
export function markOf(group: string): MarkName | undefined {
  const prefix = [PREFIX, KEPT_PREFIX].find((one) => group.startsWith(one));
  if (prefix === undefined) return undefined;
  const end = group.lastIndexOf('.');
  return { group: group.slice(prefix.length, end), name: group.slice(end + 1) };
}

/** One position for each mark, of those and their copies. */
export function unitedMarks(positions: readonly GroupPosition[]): GroupPosition[] {
  const united = new Map<string, GroupPosition>();
  for (const position of positions) {
    const { group, name, incarnation } = position;
    const key = JSON.stringify([group, name, incarnation]);
    const before = united.get(key);
    united.set(key, before === undefined ? position : unionOf(before, position));
  }
  return [...united.values()];
}

/** The bits of both, and the higher offset; all else is of the first. */
export function unionOf<Mark extends Pick<GroupPosition, 'offset' | 'metadata'>>(
  one: Mark,
  other: Pick<GroupPosition, 'offset' | 'metadata'>,
): Mark {
  const [left, right] = [one, other].map(({ metadata }) => Buffer.from(metadata, 'base64')) as [Buffer, Buffer];
  const bits = Buffer.alloc(Math.max(left.length, right.length));
  for (let at = 0; at < bits.length; at += 1) bits[at] = (left[at] ?? 0) | (right[at] ?? 0);
  return { ...one, offset: Math.max(one.offset, other.offset), metadata: bits.toString('base64') };
}
