// Group membership: one connection is the group's active member, the others stand by in order of their requests.
//
// Guarantees: a member learns its epoch only after the log has stored it, so every commit of the member before is
// fenced by then. A member whose lease has passed is no longer active, whether or not the timer has run.
// The end of a connection is the end of its memberships.
// Does not survive a restart: members connect and join again. The epochs are in the log and only rise.

import type { BrokerLog } from '@pulses/broker-log-api';
import { PulsesError } from '@pulses/shared-errors';
import { failpoint } from '@pulses/shared-failpoints';
import type { Clock } from '@pulses/shared-ports';
import { createDeadline, type Deadline } from '../limits/deadline';

/** The owner of a membership, compared by identity. */
export type MemberOwner = object;

export interface Groups {
  /**
   * Resolves to the epoch once the member is the active one.
   * @throws PulsesError PROTOCOL_VIOLATION (the owner is a member already), OVERLOADED, OUTPUTS_OWNED, storage errors, and the
   * reason given to `leaveAll`
   */
  join(owner: MemberOwner, request: JoinRequest): Promise<number>;
  /** True when the group has an active member, or one that is about to be. */
  hasMember(group: string): boolean;
  /** Resolves to false when there is no such group. @throws PulsesError GROUP_ACTIVE, storage errors */
  delete(group: string): Promise<boolean>;
  /** Lengthens the lease of the active member: for heartbeats, and for commits, which prove life as well. @throws PulsesError FENCED */
  renew(group: string, epoch: number): void;
  /** Ends the membership; does nothing when it has ended. */
  leave(group: string, epoch: number): void;
  /** Ends every membership of the owner; the joins that still wait reject with `reason`. */
  leaveAll(owner: MemberOwner, reason: PulsesError): void;
}

export interface JoinRequest {
  readonly group: string;
  readonly member: string;
  readonly leaseMs: number;
  /** The group publishes the outputs of this topic. */
  readonly source?: string;
}

interface Member {
  readonly owner: MemberOwner;
  readonly name: string;
  readonly source: string | undefined;
  /** Undefined until the member is active and its epoch is stored. */
  epoch: number | undefined;
  readonly lease: Deadline;
  resolve(epoch: number): void;
  reject(error: unknown): void;
}

interface Group {
  readonly name: string;
  /** Active, or about to be: its epoch is being stored. */
  active: Member | undefined;
  readonly waiting: Member[];
}

export function createGroups(
  log: Pick<BrokerLog, 'advanceGroupEpoch' | 'deleteGroup'>,
  clock: Clock,
  limits: { readonly groupsPerConnectionMax: number; readonly leaseMsMax: number },
): Groups {
  const groups = new Map<string, Group>();

  const isMember = (group: Group, owner: MemberOwner): boolean =>
    group.active?.owner === owner || group.waiting.some((member) => member.owner === owner);

  const activateNext = (group: Group): void => {
    if (group.active !== undefined) return;
    const member = group.waiting.shift();
    if (member === undefined) {
      groups.delete(group.name);
      return;
    }
    group.active = member;
    failpoint('group.before-epoch');
    log.advanceGroupEpoch(group.name, member.source).then(
      (epoch) => {
        failpoint('group.after-epoch');
        if (group.active !== member) return; // it has left meanwhile
        member.epoch = epoch;
        member.lease.start();
        member.resolve(epoch);
      },
      (error: unknown) => {
        member.reject(error);
        end(group, member);
      },
    );
  };

  const end = (group: Group, member: Member): void => {
    member.lease.dispose();
    if (group.active === member) {
      group.active = undefined;
      activateNext(group);
      return;
    }
    const position = group.waiting.indexOf(member);
    if (position >= 0) group.waiting.splice(position, 1);
  };

  const activeMember = (name: string, epoch: number): { group: Group; member: Member } => {
    const group = groups.get(name);
    const member = group?.active;
    if (group === undefined || member?.epoch !== epoch) {
      throw new PulsesError('FENCED', `epoch ${epoch} is not the one of the active member of group ${name}`);
    }
    return { group, member };
  };

  return {
    join: (owner, { group: name, member: memberName, leaseMs, source }) => {
      if (leaseMs < 1 || leaseMs > limits.leaseMsMax) {
        throw new PulsesError('PROTOCOL_VIOLATION', `a lease is 1 to ${limits.leaseMsMax} ms`);
      }
      const group = groups.get(name) ?? { name, active: undefined, waiting: [] };
      if (isMember(group, owner)) {
        throw new PulsesError('PROTOCOL_VIOLATION', `the connection is a member of group ${name} already`);
      }
      let memberships = 0;
      for (const other of groups.values()) if (isMember(other, owner)) memberships += 1;
      if (memberships >= limits.groupsPerConnectionMax) {
        throw new PulsesError('OVERLOADED', `a connection joins at most ${limits.groupsPerConnectionMax} groups`);
      }
      groups.set(name, group);
      return new Promise((resolve, reject) => {
        const member: Member = {
          owner,
          name: memberName,
          source,
          epoch: undefined,
          lease: createDeadline(clock, leaseMs, () => {
            end(group, member);
          }),
          resolve,
          reject,
        };
        group.waiting.push(member);
        activateNext(group);
      });
    },
    hasMember: (name) => groups.has(name),
    delete: async (name) => {
      const active = groups.get(name)?.active;
      if (active !== undefined) {
        throw new PulsesError('GROUP_ACTIVE', `the group '${name}' has an active member, ${active.name}`);
      }
      return await log.deleteGroup(name);
    },
    renew: (name, epoch) => {
      const { group, member } = activeMember(name, epoch);
      if (member.lease.hasPassed) {
        end(group, member);
        throw new PulsesError('FENCED', `the lease of ${member.name} in group ${name} has passed`);
      }
      member.lease.start();
    },
    leave: (name, epoch) => {
      const group = groups.get(name);
      const member = group?.active;
      if (group !== undefined && member?.epoch === epoch) end(group, member);
    },
    leaveAll: (owner, reason) => {
      for (const group of [...groups.values()]) {
        const member = group.active?.owner === owner ? group.active : group.waiting.find((one) => one.owner === owner);
        if (member === undefined) continue;
        member.reject(reason);
        end(group, member);
      }
    },
  };
}
