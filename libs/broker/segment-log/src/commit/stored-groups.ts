// The groups of a state and their positions, as the log's interface shows them.

import type { StoredGroup, StoredPosition } from '@pulses/broker-wire';
import { UNCLAIMED_GROUP, type LogState } from './log-state';

/** In no order. */
export function storedGroups({ topics, owners, groups }: LogState): StoredGroup[] {
  const owned = new Map<string, string[]>();
  for (const [topicId, owner] of owners) {
    const name = topics.nameOf(topics.rowOf(topicId));
    const names = owned.get(owner);
    if (names === undefined) owned.set(owner, [name]);
    else names.push(name);
  }
  return [...groups]
    .filter(([group]) => group !== UNCLAIMED_GROUP)
    .map(([group, { epoch }]) => ({ group, epoch, sources: owned.get(group) ?? [] }));
}

/** '' matches every group or topic. In no order. */
export function storedPositions({ topics, groups }: LogState, group: string, topic: string): StoredPosition[] {
  const found: StoredPosition[] = [];
  for (const groupName of group === '' ? groups.keys() : [group]) {
    for (const [topicId, byName] of groups.get(groupName)?.positions ?? []) {
      const row = topics.rowOf(topicId); // positions of a deleted topic go with it
      const name = topics.nameOf(row);
      if (topic !== '' && topic !== name) continue;
      const of = { group: groupName, topic: name, incarnation: topics.incarnationOf(row) };
      for (const [position, stored] of byName) found.push({ ...of, name: position, ...stored });
    }
  }
  return found;
}
