// Membership of consumer groups.

import { groupName } from './common-fields';
import { message, str, u32, u64 } from './schema';

export const GROUP_REQUESTS = {
  /**
   * Asks to be the group's one active member. The answer `group-joined` comes when that is so: at once, or after the
   * active member left, lost its connection, or missed its lease.
   */
  'join-group': message(12, { group: groupName, member: str, leaseMs: u32 }),
  /** Renews the lease; FENCED when it was lost. */
  heartbeat: message(13, { group: groupName, groupEpoch: u64 }),
  'leave-group': message(14, { group: groupName, groupEpoch: u64 }),
};

export const GROUP_RESPONSES = {
  'group-joined': message(138, { groupEpoch: u64 }),
};
