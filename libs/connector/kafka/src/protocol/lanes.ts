// Connections to brokers, one for each lane and broker.
//
// Guarantees: a connection that has failed is never used again. Bounds: a connection for each lane and broker.

import type { Connection } from '@platformatic/kafka';
import { PulsesError } from '@pulses/shared-errors';

/** Where a broker listens. */
export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

export interface LanesOptions {
  /** Opens a connection. Rejects with a PulsesError, or an error of @platformatic/kafka. */
  dial(address: BrokerAddress): Promise<Connection>;
}

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

  async #open(address: BrokerAddress): Promise<Connection> {
    const connection = await this.#options.dial(address);
    // Each request under way hears of a failure by its own rejection.
    connection.on('error', () => undefined);
    if (!this.#isClosed) return connection;
    await connection.close();
    throw new PulsesError('CONNECTION_LOST', 'the connection was closed');
  }
}
