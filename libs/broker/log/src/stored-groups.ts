// The groups of a state and their positions, as the log's interface shows them.

import type { StoredGroup, StoredPosition } from '@pulses/broker-wire';
import { UNCLAIMED_GROUP, type LogState } from './state';

/** In no order. */
export function storedGroups(state: LogState): StoredGroup[] {
  const owned = new Map<string, string[]>();
  for (const { owner, topic } of state.topicsById.values()) {
    if (owner === '') continue;
    const topics = owned.get(owner);
    if (topics === undefined) owned.set(owner, [topic]);
    else topics.push(topic);
  }
  return [...state.groups]
    .filter(([group]) => group !== UNCLAIMED_GROUP)
    .map(([group, { epoch }]) => ({ group, epoch, sources: owned.get(group) ?? [] }));
}

/** '' matches every group or topic. In no order. */
export function storedPositions(state: LogState, group: string, topic: string): StoredPosition[] {
  const found: StoredPosition[] = [];
  for (const groupName of group === '' ? state.groups.keys() : [group]) {
    for (const [topicId, byName] of state.groups.get(groupName)?.positions ?? []) {
      const stored = state.topicsById.get(topicId)!; // positions of a deleted topic go with it
      if (topic !== '' && topic !== stored.topic) continue;
      for (const [name, position] of byName) {
        found.push({ group: groupName, topic: stored.topic, incarnation: stored.incarnation, name, ...position });
      }
    }
  }
  return found;
}
