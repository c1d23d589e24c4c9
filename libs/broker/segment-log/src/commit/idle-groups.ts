// Which groups are idle: no member has joined or set a position for so long.
//
// Guarantees: a group that owns outputs never expires. Its positions keep another group from publishing the same sums
// once more. A group with a member never expires either, also not soon after a restart: its idle time starts again when
// half of it has passed.

import { EXPIRED_GROUPS_MAX, type ExpiredGroup } from '@pulses/broker-log-api';
import { UNCLAIMED_GROUP, type LogState } from './log-state';
import { storedPositions } from './stored-groups';

export interface IdleGroups {
  readonly expired: ExpiredGroup[];
  /** Groups with a member whose idle time has to start again. */
  readonly kept: string[];
}

/** @param nowMs the log's clock */
export function idleGroups(
  state: LogState,
  nowMs: number,
  idleMs: number,
  hasMember: (group: string) => boolean,
): IdleGroups {
  const idle: string[] = [];
  const kept: string[] = [];
  for (const [name, { lastUsedMs }] of state.groups) {
    if (name === UNCLAIMED_GROUP || nowMs - lastUsedMs < idleMs / 2) continue;
    if (hasMember(name)) kept.push(name);
    else if (nowMs - lastUsedMs >= idleMs) idle.push(name);
  }
  if (idle.length === 0) return { expired: [], kept };
  const owners = new Set(state.owners.values());
  const expired = idle
    .filter((name) => !owners.has(name))
    .slice(0, EXPIRED_GROUPS_MAX)
    .map((name) => ({
      group: name,
      lastUsedMs: state.groups.get(name)?.lastUsedMs ?? 0,
      positions: storedPositions(state, name, ''),
    }));
  return { expired, kept };
}
