// Connections to brokers, one for each lane and broker.
//
// Guarantees: a connection that has failed is never used again. Bounds: `inFlightMax` requests of a connection are under
// way, others wait.

import { Connection, type ConnectionOptions } from '@platformatic/kafka';
import { PulsesError } from '@pulses/shared-errors';

/** Where a broker listens. */
export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

export interface LanesOptions {
  /** Name of the program, for the brokers' log. */
  readonly clientId: string;
  /** TLS and SASL of a new connection; asked for each one, since certificates and passwords are replaced. */
  security(): Promise<Pick<ConnectionOptions, 'tls' | 'tlsServerName' | 'sasl'>>;
  readonly connectMsMax: number;
  readonly requestMsMax: number;
}

/** A broker processes so many requests of an idempotent producer in their order (KIP-98). */
const IN_FLIGHT_MAX = 5;

export class Lanes {
  readonly #options: LanesOptions;
  readonly #connections = new Map<string, Promise<Connection>>();
  #isClosed = false;

  constructor(options: LanesOptions) {
    this.#options = options;
  }

  /** The open connection of a lane, or a new one. Rejects with errors of @platformatic/kafka. */
  async connection(lane: string, address: BrokerAddress): Promise<Connection> {
    if (this.#isClosed) throw new PulsesError('CONNECTION_LOST', 'the connection was closed');
    const key = `${lane}/${address.host}:${address.port}`;
    const known = this.#connections.get(key);
    if (known !== undefined) {
      const connection = await known;
      if (connection.isConnected()) return connection;
      if (this.#connections.get(key) === known) this.#connections.delete(key);
      return await this.connection(lane, address);
    }
    const opening = this.#open(address);
    this.#connections.set(key, opening);
    opening.catch(() => {
      if (this.#connections.get(key) === opening) this.#connections.delete(key);
    });
    return await opening;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const open = [...this.#connections.values()];
    this.#connections.clear();
    await Promise.all(
      open.map((opening) =>
        opening.then(
          (connection) => connection.close(),
          () => undefined,
        ),
      ),
    );
  }

  async #open({ host, port }: BrokerAddress): Promise<Connection> {
    const { clientId, security, connectMsMax, requestMsMax } = this.#options;
    const connection = new Connection(clientId, {
      ...(await security()),
      connectTimeout: connectMsMax,
      requestTimeout: requestMsMax,
      maxInflights: IN_FLIGHT_MAX,
    });
    // Each request under way hears of a failure by its own rejection.
    connection.on('error', () => undefined);
    await connection.connect(host, port);
    if (this.#isClosed) {
      await connection.close();
      throw new PulsesError('CONNECTION_LOST', 'the connection was closed');
    }
    return connection;
  }
}
