// Room for new connections, whatever the open ones do.
//
// Guarantees: at most `connectionsMax` connections are open, and a new one is always taken. It closes the connection that
// has been without a complete request for the longest time: a half-open or an idle one. Only where each of them has a
// request in progress, the oldest of these goes. So a probe is answered also while slow clients hold every connection.

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Limits the connections of HTTP servers, all together. */
export class ConnectionLimit {
  readonly #connectionsMax: number;
  /** The latest request of each connection while it is in progress; the connections that went without longest first. */
  readonly #open = new Map<Socket, IncomingMessage | undefined>();

  constructor(connectionsMax: number) {
    this.#connectionsMax = connectionsMax;
  }

  /** Applies the limit to a server's connections from now on. */
  watch(server: Server): void {
    server.on('connection', (socket: Socket) => {
      this.#makeRoom();
      this.#open.set(socket, undefined);
      socket.once('close', () => this.#open.delete(socket));
    });
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const { socket } = request;
      if (this.#open.has(socket)) this.#open.set(socket, request);
      response.once('close', () => {
        if (this.#open.get(socket) !== request) return;
        this.#open.delete(socket);
        this.#open.set(socket, undefined);
      });
    });
  }

  #makeRoom(): void {
    if (this.#open.size < this.#connectionsMax) return;
    const connections = [...this.#open];
    const [socket] = connections.find(([, request]) => request?.complete !== true) ?? connections[0] ?? [];
    if (socket === undefined) return;
    socket.destroy();
    this.#open.delete(socket);
  }
}
