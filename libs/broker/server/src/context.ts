// What every connection of a server shares.

import type { BrokerLog } from '@pulses/broker-log-api';
import type { Clock, Logger } from '@pulses/shared-ports';
import type { Authenticator } from './connection/authenticate';
import type { Refusals } from './connection/refusals';
import type { Groups } from './groups/groups';
import type { InputBudget } from './limits/input-budget';
import type { ServerLimits } from './limits/server-limits';
import type { ServerObserver } from './observer';
import type { FairScheduler } from './limits/fair-scheduler';

export type ServerLogger = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

export interface ServerContext {
  readonly log: BrokerLog;
  readonly clock: Clock;
  readonly logger: ServerLogger;
  readonly observer: ServerObserver;
  /** Counts and logs a refused connection. */
  readonly refusals: Refusals;
  readonly limits: ServerLimits;
  /** Name and version, for `hello-ok`. */
  readonly serverName: string;
  /** True when clients must show a token. */
  readonly asksForToken: boolean;
  readonly authenticate: Authenticator;
  readonly groups: Groups;
  /** Two budgets, so that sinks waiting for a full disk do not block commits and heartbeats. */
  readonly requestBudget: InputBudget;
  readonly sinkBudget: InputBudget;
  /** Schedules each read of the log, so that many readers of one message do not delay producers. */
  readonly readScheduler: FairScheduler;
  /** Bytes that one reader may read from the log at once, for the current number of connections. */
  readBytes(): number;
}
