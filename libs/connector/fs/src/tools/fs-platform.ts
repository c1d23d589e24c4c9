// What the tools need of the program.

import type { BrokerClient } from '@pulses/broker-client';
import type { Clock, Random } from '@pulses/shared-ports';

export interface FsToolsOptions {
  /** Opens a connection. */
  connect(): Promise<BrokerClient>;
  readonly clock: Clock;
  readonly random: Random;
  /** Names this process among the members of a group, for the broker's log. */
  readonly member: string;
}
