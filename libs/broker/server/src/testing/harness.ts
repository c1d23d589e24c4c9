// A server with everything around it simulated: clock, network, log.

import { PRODUCER_KEPT_MS } from '@pulses/broker-wire';
import {
  createSimClock,
  createSimNetwork,
  createSimRandom,
  type LinkPlan,
  type SimClock,
  type SimNetwork,
} from '@pulses/testing-sim';
import { connectRaw, RecordingClient, type RawClient } from '@pulses/testing-wire-client';
import { createBrokerServer, type BrokerServer, type BrokerServerOptions } from '../broker-server';
import type { ServerLogger } from '../context';
import { createMemoryLog, type MemoryLog } from './memory-log';

export interface LoggedEvent {
  readonly level: keyof ServerLogger;
  readonly fields: object;
  readonly message: string;
}

/** A logger that remembers. */
export function createTestLogger(): { logger: ServerLogger; events: LoggedEvent[] } {
  const events: LoggedEvent[] = [];
  const at =
    (level: keyof ServerLogger) =>
    (fields: object, message: string): void => {
      events.push({ level, fields, message });
    };
  return { logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }, events };
}

export interface Harness {
  readonly clock: SimClock;
  readonly network: SimNetwork;
  readonly log: MemoryLog;
  readonly server: BrokerServer;
  readonly port: number;
  readonly events: LoggedEvent[];
  wire(options?: { token?: string; greets?: boolean }): Promise<RecordingClient>;
  /** A client of the line protocol, or of none: sends `text` first. */
  raw(text: string): Promise<RawClient>;
}

/** Clients are served as they come: time stands still unless a test moves it. */
export const AT_ONCE = { openingsPerSecond: Number.MAX_SAFE_INTEGER, openingsBurst: Number.MAX_SAFE_INTEGER };

export async function startHarness(
  options: Partial<BrokerServerOptions> & {
    seed?: number;
    plan?: (connection: number) => LinkPlan;
    leaksHeadClock?: boolean;
    producersMax?: number;
  } = {},
): Promise<Harness> {
  const { seed = 1, plan, leaksHeadClock = false, producersMax = Infinity, limits, ...rest } = options;
  const clock = createSimClock();
  const network = createSimNetwork(createSimRandom(seed), plan);
  const log = createMemoryLog(clock, { leaksHeadClock, hidesCommits: true, producersMax });
  const { logger, events } = createTestLogger();
  const server = createBrokerServer({
    log,
    network,
    clock,
    logger,
    serverName: 'broker under test',
    producerExpiryMs: PRODUCER_KEPT_MS,
    ...rest,
    limits: { ...AT_ONCE, ...limits },
  });
  const port = await server.listen({ host: '127.0.0.1', port: 0 });
  return {
    clock,
    network,
    log,
    server,
    port,
    events,
    wire: (wireOptions) => RecordingClient.connect(network, port, wireOptions),
    raw: async (text) => {
      const client = await connectRaw(network, port);
      client.socket.write(Buffer.from(text));
      return client;
    },
  };
}
