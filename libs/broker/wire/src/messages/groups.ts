// Membership of consumer groups, and the groups themselves.

import { checked, flag, list, str, struct, u32, u64, type ValueOf } from '@pulses/shared-binary';
import { violation } from '../body';
import { LIST_GROUPS_LIMIT_MAX } from '../limits';
import { groupName, topicName } from './common-fields';
import { message } from './schema';

const storedGroup = struct({
  group: str,
  /** Of its active member, or of its last one; 0 before the first. */
  epoch: u64,
  /** Topics whose outputs the group has claimed: no other group may publish them. In name order. */
  sources: list(str),
});

/** A consumer group as it is stored. */
export type StoredGroup = ValueOf<typeof storedGroup>;

const groupKey = struct({ group: str, source: str });

/** A group, and a source of it: where a page of groups ends. */
export type GroupKey = ValueOf<typeof groupKey>;

const listLimit = checked(u32, (limit) => {
  if (limit === 0 || limit > LIST_GROUPS_LIMIT_MAX) throw violation(`a limit of ${limit} groups`);
});

export const GROUP_REQUESTS = {
  /**
   * Asks to be the group's one active member. The answer `group-joined` comes when that is so: at once, or after the
   * active member left, lost its connection, or missed its lease.
   */
  'join-group': message(12, { group: groupName, member: str, leaseMs: u32 }),
  /** Renews the lease; FENCED when it was lost. */
  heartbeat: message(13, { group: groupName, groupEpoch: u64 }),
  'leave-group': message(14, { group: groupName, groupEpoch: u64 }),
  /**
   * Like `join-group`, and claims the outputs of `source` for the group, in one step with the new epoch. Refused with
   * OUTPUTS_OWNED while another group owns them. The topic is made unless it exists.
   */
  'join-as-publisher': message(16, { group: groupName, member: str, leaseMs: u32, source: topicName }),
  /**
   * Groups in name order (by UTF-8 bytes), at most `limit` and as fit a frame. It starts behind `after`: with the further
   * sources of that group, unless its source is '', then with the next group. '' and '' start at the first.
   */
  'list-groups': message(17, { after: groupKey, limit: listLimit }),
  /**
   * Removes a group with its positions; refused with GROUP_ACTIVE while it has a member. Outputs that it owned are free
   * then, and their positions wait for the next group that claims them.
   */
  'delete-group': message(18, { group: groupName }),
};

export const GROUP_RESPONSES = {
  'group-joined': message(138, { groupEpoch: u64 }),
  groups: message(142, { groups: list(storedGroup, LIST_GROUPS_LIMIT_MAX), more: flag }),
  'group-deleted': message(143, { existed: flag }),
};
