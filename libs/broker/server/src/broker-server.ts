// The broker's server: accepts connections and keeps track of them.
//
// Guarantees: `close` accepts no new connection or request. Accepted requests are stored and acknowledged. When it
// resolves, every connection is closed, after `graceMs` at the latest.

import type { BrokerLog } from '@pulses/broker-log-api';
import { PulsesError } from '@pulses/shared-errors';
import type { Clock, Listener, Network, Socket, TlsServerOptions } from '@pulses/shared-ports';
import { createAuthenticator } from './connection/authenticate';
import { refuseConnection } from './connection/refuse-connection';
import { createRefusals } from './connection/refusals';
import { serveConnection, type ServedConnection } from './connection/connection';
import type { ServerContext, ServerLogger } from './context';
import { startGroupExpiry } from './groups/group-expiry';
import { createGroups } from './groups/groups';
import { createInputBudget } from './limits/input-budget';
import { DEFAULT_LIMITS, type ServerLimits } from './limits/server-limits';
import { SILENT_OBSERVER, type ServerObserver } from './observer';
import { OpeningQueue, type Opening } from './limits/opening-queue';
import { peerAddressOf } from './limits/peer-address';
import { startProducerExpiry } from './limits/producer-expiry';
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
  /** Groups without outputs that are idle for this long are removed; absent, none is. */
  readonly groupExpiryMs?: number;
  /** Producers that stored nothing for this long are forgotten: PRODUCER_KEPT_MS at least. */
  readonly producerExpiryMs: number;
  /** Omitted limits have their defaults. */
  readonly limits?: Partial<ServerLimits>;
}

export interface BrokerServer {
  /**
   * Resolves to the bound port. Once.
   * @throws PulsesError ADDRESS_IN_USE
   */
  listen(address: { host: string; port: number; tls?: TlsServerOptions }): Promise<number>;
  /** Asks further connections for another token. Open ones stay. */
  setAuthToken(token: string | undefined): void;
  /** Shows another certificate to further connections. */
  setCertificate(tls: TlsServerOptions): void;
  /** Open connections. */
  readonly connectionCount: number;
  /** Does not close the log. */
  close(graceMs: number): Promise<void>;
}

export function createBrokerServer(options: BrokerServerOptions): BrokerServer {
  const { log, network, clock, logger, serverName, authToken, groupExpiryMs, producerExpiryMs } = options;
  const limits: ServerLimits = { ...DEFAULT_LIMITS, ...options.limits };
  const connections = new Set<ServedConnection>();
  const refused = new Set<Socket>();
  const openings = new OpeningQueue(clock, {
    perSecond: limits.openingsPerSecond,
    burst: limits.openingsBurst,
    restMs: limits.wrongTokenRestMs,
    restMsMax: limits.wrongTokenRestMsMax,
  });
  const observer: ServerObserver = { ...SILENT_OBSERVER, ...options.observer };
  const refusals = createRefusals(clock, logger, observer, limits.refusalLogMs);
  let listener: Listener | undefined;
  let token = authToken;
  let authenticate = createAuthenticator(token);
  let isClosing = false;
  let onAllGone: (() => void) | undefined;

  const groups = createGroups(log, clock, limits);
  const maintenance = [startProducerExpiry(log, clock, logger, producerExpiryMs)];
  if (groupExpiryMs !== undefined)
    maintenance.push(startGroupExpiry({ log, groups, clock, logger, observer, idleMs: groupExpiryMs }));

  const context: ServerContext = {
    log,
    clock,
    logger,
    observer,
    refusals,
    limits,
    serverName,
    get asksForToken() {
      return token !== undefined;
    },
    authenticate: (given) => authenticate(given),
    groups,
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

  const connectionsAbove = `connection rejected: limit of ${limits.connectionsMax} connections reached`;

  const refuse = (socket: Socket): void => {
    const detail = `--connections-max: limit of ${limits.connectionsMax} connections reached`;
    const error = new PulsesError('OVERLOADED', detail);
    refusals.report('overloaded', { peer: socket.peer, code: error.code, detail }, connectionsAbove);
    const [oldest] = refused;
    if (oldest !== undefined && refused.size >= limits.refusalsMax) {
      refused.delete(oldest);
      oldest.destroy();
    }
    refused.add(socket);
    refuseConnection({ clock, lingerMs: limits.lingerMs }, socket, error, () => refused.delete(socket));
  };

  const accept = (socket: Socket): void => {
    const address = peerAddressOf(socket.peer);
    const isFull = connections.size + openings.waitingCount >= limits.connectionsMax;
    if (isFull && !openings.makeRoomFor(address)) {
      refuse(socket);
      return;
    }
    let served: ServedConnection | undefined;
    openings.begin(address, {
      start: (opening) => {
        served = serve(socket, opening);
      },
      evict: () => {
        if (served === undefined) refuse(socket);
        else evict(served, socket.peer);
      },
    });
  };

  /** Of one that has not opened: its place is free at once. */
  const evict = (connection: ServedConnection, peer: string): void => {
    refusals.report('overloaded', { peer }, 'connection closed: another address got its place before it opened');
    connections.delete(connection);
    connection.destroy();
  };

  const serve = (socket: Socket, opening: Opening): ServedConnection | undefined => {
    if (isClosing) {
      socket.destroy();
      opening.end();
      return undefined;
    }
    const connection = serveConnection(context, socket, opening, () => {
      connections.delete(connection);
      if (connections.size === 0) onAllGone?.();
    });
    connections.add(connection);
    return connection;
  };

  return {
    get connectionCount() {
      return connections.size;
    },
    listen: async (address) => {
      if (listener !== undefined) throw new TypeError('the server listens already');
      const bounds = {
        // One more than there can be, so that each new connection is looked at.
        connectionsMax: limits.connectionsMax + limits.refusalsMax + 1,
        onDropped: () => {
          refusals.report('overloaded', {}, connectionsAbove);
        },
      };
      listener = await network.listen({ ...address, ...bounds }, accept);
      return listener.port;
    },
    setAuthToken: (next) => {
      token = next;
      authenticate = createAuthenticator(next);
    },
    setCertificate: (tls) => listener?.replaceCertificate?.(tls),
    close: async (graceMs) => {
      openings.close(); // so that what waiting connections already sent is read
      isClosing = true;
      for (const work of maintenance) work.stop();
      await listener?.close();
      for (const socket of refused) socket.destroy();
      if (connections.size === 0) {
        refusals.close();
        return;
      }
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
      refusals.close();
    },
  };
}
