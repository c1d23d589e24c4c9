// What every connection of a server shares.

import type { BrokerLog } from '@pulses/broker-log-api';
import type { Clock, Logger } from '@pulses/shared-ports';
import type { Authenticator } from './connection/authenticate';
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
  readonly limits: ServerLimits;
  /** Name and version, for `hello-ok`. */
  readonly serverName: string;
  /** True when clients must show a token. */
  readonly asksForToken: boolean;
  readonly authenticate: Authenticator;
  readonly groups: Groups;
  /** Apart, so that sinks which wait for a full disk do not keep commits and heartbeats from being read. */
  readonly requestBudget: InputBudget;
  readonly sinkBudget: InputBudget;
  /** One for each read of the log: a message that many readers wait for must not hold up who publishes. */
  readonly readScheduler: FairScheduler;
  /** How much one reader may take from the log at once, with the connections there are now. */
  readBytes(): number;
}
