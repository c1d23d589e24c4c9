// A TCP proxy in front of NATS that cuts a connection at a chosen message of a batch.

import { connect, createServer, type Socket } from 'node:net';

export type Cut =
  /** The server gets the batch up to this message and no more. */
  | { readonly kind: 'before'; readonly message: number }
  /** The server gets all of it, and the client no answer any more. */
  | { readonly kind: 'answer' };

export interface CuttingProxy {
  readonly url: string;
  /** What happens to the next batch, once. */
  cutNext(cut: Cut): void;
  close(): Promise<void>;
}

const COMMIT = 'Nats-Batch-Commit: 1';
/** In the answer to a batch. */
const ANSWER = '"batch":';

export async function startCuttingProxy(serverPort: number): Promise<CuttingProxy> {
  let cut: Cut | undefined;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(serverPort, '127.0.0.1');
    let sent = '';
    let isDeaf = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    upstream.on('data', (data) => {
      if (!isDeaf) client.write(data);
      else if (data.includes(ANSWER)) client.destroy();
    });
    client.on('data', (data) => {
      const text = data.toString('latin1');
      const before = sent.length;
      // A header may lie across two chunks.
      sent += text;
      if (cut?.kind === 'before') {
        const at = sent.indexOf(`Nats-Batch-Sequence: ${cut.message}\r\n`);
        if (at >= 0) {
          cut = undefined;
          upstream.end(Buffer.from(text.slice(0, Math.max(0, at - before)), 'latin1'), () => client.destroy());
          return;
        }
      } else if (cut?.kind === 'answer' && sent.includes(COMMIT)) {
        cut = undefined;
        isDeaf = true;
      }
      sent = sent.slice(-COMMIT.length);
      upstream.write(data);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `nats://127.0.0.1:${port}`,
    cutNext(next) {
      cut = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        for (const socket of sockets) socket.destroy();
      }),
  };
}
