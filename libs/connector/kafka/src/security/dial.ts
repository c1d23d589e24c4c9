// Opens a connection to one broker, and hears that the broker lets this client in.
//
// Guarantees: resolves only after the broker has answered a request, so what it refuses shows here. No 'error' event of
// the connection is left without a listener, and a failed one leaves no socket or timer behind.

import { apiVersionsV3, Connection, loggers, metadataV12 } from '@platformatic/kafka';
import { withTimeout } from '@pulses/shared-async';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import type { Clock } from '@pulses/shared-ports';
import { brokerText, type BrokerAddress } from '../settings';
import { dialError } from './dial-error';
import type { SecuritySource } from './security-source';

export interface DialOptions {
  readonly security: SecuritySource;
  /** Names the program in the broker's log. */
  readonly clientId: string;
  readonly clock: Clock;
  /** From the first packet to the first answer that needs the user's rights. */
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** Requests that may wait for their answers at once. */
  readonly inFlightMax?: number;
}

const SOFTWARE_NAME = 'pulses';
const SOFTWARE_VERSION = '1';
const FAILURES_MAX = 10;

// With DEBUG set, the library writes its requests to standard error, and with them the password.
for (const logger of Object.values(loggers as Readonly<Record<string, { enabled: boolean }>>)) logger.enabled = false;

/** Opens a connection. Rejects with ACCESS_REFUSED, CONNECTION_LOST, TIMED_OUT or VERSION_UNSUPPORTED; the message names the setting. */
export type Dial = (address: BrokerAddress) => Promise<Connection>;

export function createDial(options: DialOptions): Dial {
  return (address) => dialBroker(address, options);
}

async function dialBroker(address: BrokerAddress, options: DialOptions): Promise<Connection> {
  const { clock, clientId, connectTimeoutMs, requestTimeoutMs, inFlightMax } = options;
  const security = await options.security.current();
  const { tls, sasl } = security;
  const connection = new Connection(clientId, {
    connectTimeout: connectTimeoutMs,
    requestTimeout: requestTimeoutMs,
    ...(inFlightMax === undefined ? {} : { maxInflights: inFlightMax }),
    ...(tls === undefined ? {} : { tls }),
    // Asked again at each authentication: a broker may ask for one while the connection is open.
    ...(sasl === undefined
      ? {}
      : {
          sasl: { ...sasl, password: async () => (await options.security.current()).sasl?.password ?? sasl.password },
        }),
  });
  const failures: unknown[] = [];
  connection.on('error', (error) => {
    if (failures.length < FAILURES_MAX) failures.push(error);
  });
  try {
    // Also a broker that accepts a connection may hang.
    const opened = await withTimeout(open(connection, address), connectTimeoutMs, clock);
    if (opened === undefined)
      throw new PulsesError('TIMED_OUT', `--kafka-brokers: ${brokerText(address)} does not answer in time`);
    return opened;
  } catch (error) {
    discard(connection);
    throw isPulsesError(error) ? error : dialError(address, security, [error, ...failures]);
  }
}

async function open(connection: Connection, address: BrokerAddress): Promise<Connection> {
  await connection.connect(address.host, address.port);
  checkVersions(address, await apiVersionsV3.api.async(connection, SOFTWARE_NAME, SOFTWARE_VERSION));
  // A broker that asks for SASL answers the first request without it, but not this one.
  await metadataV12.api.async(connection, [], false, false);
  return connection;
}

/** The newest of the requests that have no older form here: Metadata 12, with the ids of topics. */
const METADATA = { key: 3, version: 12, since: '3.1' };

/** @throws PulsesError VERSION_UNSUPPORTED */
function checkVersions(address: BrokerAddress, { apiKeys }: apiVersionsV3.ApiVersionsResponse): void {
  const newest = apiKeys.find(({ apiKey }) => apiKey === METADATA.key)?.maxVersion ?? 0;
  if (newest < METADATA.version)
    throw new PulsesError(
      'VERSION_UNSUPPORTED',
      `--kafka-brokers: ${brokerText(address)} is older than Apache Kafka ${METADATA.since}, which is needed`,
    );
}

/** Ends a connection that did not open, whatever it waits for. */
function discard(connection: Connection): void {
  // There is none before the connection begins, and the library leaves some half open.
  (connection.socket as Connection['socket'] | undefined)?.destroy();
  connection.close().catch(() => undefined);
}
