// Opens a connection to one broker, and hears that the broker lets this client in.
//
// Guarantees: resolves only after the broker has answered a request, so what it refuses shows here. No 'error' event of
// the connection is left without a listener, and a failed one leaves no socket or timer behind.

import { apiVersionsV3, Connection } from '@platformatic/kafka';
import type { BrokerAddress } from '../settings';
import { dialError } from './dial-error';
import type { SecuritySource } from './security-source';

export interface DialOptions {
  readonly security: SecuritySource;
  /** Names the program in the broker's log. */
  readonly clientId: string;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** Requests that may wait for their answers at once. */
  readonly inFlightMax?: number;
}

const SOFTWARE_NAME = 'pulses';
const SOFTWARE_VERSION = '1';
const FAILURES_MAX = 10;

/** Opens a connection. Rejects with ACCESS_REFUSED, CONNECTION_LOST or TIMED_OUT; the message names the setting. */
export type Dial = (address: BrokerAddress) => Promise<Connection>;

export function createDial(options: DialOptions): Dial {
  return (address) => dialBroker(address, options);
}

async function dialBroker(address: BrokerAddress, options: DialOptions): Promise<Connection> {
  const { clientId, connectTimeoutMs, requestTimeoutMs, inFlightMax } = options;
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
    await connection.connect(address.host, address.port);
    await apiVersionsV3.api.async(connection, SOFTWARE_NAME, SOFTWARE_VERSION);
    return connection;
  } catch (error) {
    await discard(connection);
    throw dialError(address, security, [error, ...failures]);
  }
}

/** Closes a connection at once. */
async function discard(connection: Connection): Promise<void> {
  // A connection that failed to open has no socket, or one that the library leaves half open.
  (connection.socket as Connection['socket'] | undefined)?.destroy();
  await connection.close();
}
