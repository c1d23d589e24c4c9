// Removes consumer groups that have been idle for too long, so that what they have not read need not be kept.
//
// Guarantees: a group with a member stays. After a start no group expires for a while: members come back first. A wall
// clock that is moved ahead expires no group: all of them get the whole time again. What a group leaves unread is in the log
// line. Failures of the log are told elsewhere; the next look tries again.

import { startMaintenance } from '@pulses/shared-async';
import { EXPIRED_GROUPS_MAX, type BrokerLog, type ExpiredGroup } from '@pulses/broker-log-api';
import type { Clock } from '@pulses/shared-ports';
import type { ServerLogger } from '../context';
import type { ServerObserver } from '../observer';
import type { Groups } from './groups';

const LOOK_MS_MAX = 60_000;
/** From the start to the first look: members that were active before it have joined again by then. */
const GRACE_MS_MAX = 3_600_000;
/** The wall clock may run ahead of the monotonic one by as much from look to look. */
const STEP_MS_MAX = 60_000;
/** Positions of a group that its log line lists. */
const POSITIONS_LOGGED_MAX = 20;

export interface GroupExpiryOptions {
  readonly log: Pick<BrokerLog, 'expireGroups'>;
  readonly groups: Pick<Groups, 'hasMember'>;
  readonly clock: Clock;
  readonly logger: ServerLogger;
  readonly observer: Pick<ServerObserver, 'groupExpired'>;
  /** How long a group may be idle. */
  readonly idleMs: number;
}

export function startGroupExpiry(options: GroupExpiryOptions): { stop(): void } {
  const { log, groups, clock, observer, logger, idleMs } = options;
  const times = { firstMs: Math.min(GRACE_MS_MAX, idleMs), everyMs: Math.min(LOOK_MS_MAX, idleMs) };
  let lead = leadOf(clock);
  let heldUntilMs = clock.monotonicMs();
  return startMaintenance(clock, times, async () => {
    const aheadMs = leadOf(clock) - lead;
    lead += aheadMs;
    if (aheadMs > STEP_MS_MAX) {
      heldUntilMs = clock.monotonicMs() + idleMs;
      logger.warn({ aheadMs: Math.round(aheadMs), idleMs }, 'clock moved ahead: groups count as used now');
    }
    if (clock.monotonicMs() < heldUntilMs) return;
    let expired: readonly ExpiredGroup[];
    do {
      expired = await log.expireGroups(idleMs, (group) => groups.hasMember(group)).catch(() => []);
      for (const group of expired) {
        logger.info(fieldsOf(group), 'consumer group expired');
        observer.groupExpired();
      }
    } while (expired.length === EXPIRED_GROUPS_MAX);
  });
}

function leadOf(clock: Clock): number {
  return clock.nowMs() - clock.monotonicMs();
}

function fieldsOf({ group, lastUsedMs, positions }: ExpiredGroup): object {
  return {
    group,
    lastUsed: new Date(lastUsedMs).toISOString(),
    positionCount: positions.length,
    positions: positions.slice(0, POSITIONS_LOGGED_MAX).map(({ topic, name, offset }) => ({ topic, name, offset })),
  };
}
