// The broker's server: accepts connections and keeps track of them.
//
// Guarantees: `close` accepts no new connection or request. Accepted requests are stored and acknowledged. When it
// resolves, every connection is closed, after `graceMs` at the latest.

import type { BrokerLog } from '@pulses/broker-log-api';
import type { Clock, Listener, Network, Socket, TlsServerOptions } from '@pulses/shared-ports';
import { createAuthenticator } from './connection/authenticate';
import { serveConnection, type ServedConnection } from './connection/connection';
import type { ServerContext, ServerLogger } from './context';
import { createGroups } from './groups/groups';
import { createInputBudget } from './limits/input-budget';
import { DEFAULT_LIMITS, type ServerLimits } from './limits/server-limits';
import { SILENT_OBSERVER, type ServerObserver } from './observer';
import { createTokenBucket } from './limits/token-bucket';
import { createFairScheduler } from './limits/fair-scheduler';

/** Below this, reading the log for a reader costs more than it brings. */
const READ_BYTES_MIN = 16 * 1024;

export interface BrokerServerOptions {
  readonly log: BrokerLog;
  readonly network: Network;
  readonly clock: Clock;
  readonly logger: ServerLogger;
  readonly observer?: Partial<ServerObserver>;
  /** Name and version, shown to clients. */
  readonly serverName: string;
  /** Clients must show this token; the line protocol, which has none, is refused. */
  readonly authToken?: string;
  /** Omitted limits have their defaults. */
  readonly limits?: Partial<ServerLimits>;
}

export interface BrokerServer {
  /**
   * Resolves to the bound port. Once.
   * @throws PulsesError ADDRESS_IN_USE
   */
  listen(address: { host: string; port: number; tls?: TlsServerOptions }): Promise<number>;
  /** Open connections. */
  readonly connectionCount: number;
  /** Does not close the log. */
  close(graceMs: number): Promise<void>;
}

export function createBrokerServer(options: BrokerServerOptions): BrokerServer {
  const { log, network, clock, logger, serverName, authToken } = options;
  const limits: ServerLimits = { ...DEFAULT_LIMITS, ...options.limits };
  const connections = new Set<ServedConnection>();
  const openings = createTokenBucket(clock, limits.openingsPerSecond, limits.openingsBurst);
  let listener: Listener | undefined;
  let isClosing = false;
  let onAllGone: (() => void) | undefined;

  const context: ServerContext = {
    log,
    clock,
    logger,
    observer: { ...SILENT_OBSERVER, ...options.observer },
    limits,
    serverName,
    asksForToken: authToken !== undefined,
    authenticate: createAuthenticator(authToken),
    groups: createGroups(log, clock, limits),
    requestBudget: createInputBudget(limits.requestBytesMax),
    sinkBudget: createInputBudget(limits.sinkBytesMax),
    readScheduler: createFairScheduler({
      clock,
      perTurn: limits.readersPerTurn,
      restMs: limits.readersRestMs,
      mustRest: () => log.isCommitting,
    }),
    readBytes: () => {
      const share = Math.floor(limits.outputBytesMax / Math.max(1, connections.size));
      return Math.max(READ_BYTES_MIN, Math.min(limits.readBytesMax, share));
    },
  };

  const serve = (socket: Socket): void => {
    if (isClosing) {
      socket.destroy();
      return;
    }
    const connection = serveConnection(context, socket, () => {
      connections.delete(connection);
      if (connections.size === 0) onAllGone?.();
    });
    connections.add(connection);
  };

  return {
    get connectionCount() {
      return connections.size;
    },
    listen: async (address) => {
      if (listener !== undefined) throw new TypeError('the server listens already');
      listener = await network.listen({ ...address, connectionsMax: limits.connectionsMax }, (socket) => {
        openings.begin(() => {
          serve(socket);
        });
      });
      return listener.port;
    },
    close: async (graceMs) => {
      openings.flush(); // so that what waiting connections already sent is read
      isClosing = true;
      await listener?.close();
      if (connections.size === 0) return;
      const allGone = new Promise<void>((resolve) => {
        onAllGone = resolve;
      });
      const timer = clock.setTimer(graceMs, () => {
        logger.warn({ connections: connections.size }, 'connections closed: they did not finish in time');
        for (const connection of [...connections]) connection.destroy();
      });
      for (const connection of [...connections]) connection.close();
      await allGone;
      timer.cancel();
    },
  };
}
