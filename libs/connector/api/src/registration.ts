// What an adapter offers to the registry of connectors: its settings, and how to make its parts from them.
//
// `open` makes the ingestor's side. `openTools` makes the side of the command line and the stub generator.

import type { Clock, Logger, Network, Random } from '@pulses/shared-ports';
import type { Connector } from './connector';

/** What the program lends to any connector. */
export interface ConnectorContext {
  readonly network: Network;
  readonly clock: Clock;
  /** Name and version of the program, for the other side's log. */
  readonly clientName: string;
  /** Names this process among the members of a group. */
  readonly member: string;
  /** For what the user should know about the other side. */
  readonly logger?: Logger;
}

/** The ingestor's side of a connector. */
export interface ConnectorParts {
  readonly connector: Connector;
  /** Where it connects, for the log. */
  readonly peer: string;
}

/** What the program lends to the tools' side. */
export interface ToolsContext extends ConnectorContext {
  readonly random: Random;
}
