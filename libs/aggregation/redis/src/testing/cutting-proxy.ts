// A proxy for Redis that can swallow replies, cut connections and switch to another server.

import { connect, createServer, type Socket } from 'node:net';

export interface CuttingProxy {
  readonly port: number;
  /** Loopback port of the server behind the proxy, for new connections. */
  target: number;
  /** Passes `replyBytes` bytes of replies, then cuts the connection when the next bytes arrive. */
  cutAfter(replyBytes: number): void;
  /** Cuts all connections. */
  cut(): void;
  close(): Promise<void>;
}

export async function startCuttingProxy(target: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let passBytes = Infinity;
  const server = createServer((client) => {
    const upstream = connect(proxy.target, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.pipe(upstream, { end: false });
    upstream.on('data', (reply: Buffer) => {
      if (reply.byteLength <= passBytes) {
        passBytes -= reply.byteLength;
        client.write(reply);
        return;
      }
      passBytes = Infinity;
      client.destroy();
    });
  });
  const proxy: CuttingProxy = {
    port: await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        resolve(address !== null && typeof address === 'object' ? address.port : 0);
      });
    }),
    target,
    cutAfter(replyBytes) {
      passBytes = replyBytes;
    },
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => {
          resolve();
        });
      }),
  };
  return proxy;
}
