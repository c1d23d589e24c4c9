// A TCP proxy in front of NATS that cuts a connection at a chosen message of a batch, or is closed for a while.

import { connect, createServer, type Socket } from 'node:net';

export type NatsCut =
  /** The server gets the batch up to this message and no more. */
  | { readonly kind: 'before'; readonly message: number }
  /** The server gets all of it, and the client no answer any more. `after`: in place of a batch, a message with this text. */
  | { readonly kind: 'answer'; readonly after?: string };

export interface NatsProxy {
  readonly url: string;
  /** What happens to the next batch that has such a message, once. Resolves when it has happened. */
  cutNext(cut: NatsCut): Promise<void>;
  /** While blocked it ends every connection, those that are open as well. */
  block(isBlocked: boolean): void;
  close(): Promise<void>;
}

const COMMIT = 'Nats-Batch-Commit: 1';
/** Of the headers looked for. */
const HEADER_LENGTH_MAX = 40;
/** In the answer to a message or a batch that is stored. */
const ANSWER = '"seq":';

export async function startNatsProxy(serverPort: number): Promise<NatsProxy> {
  let wanted: { readonly cut: NatsCut; done(): void } | undefined;
  let isBlocked = false;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    if (isBlocked) {
      client.destroy();
      return;
    }
    const upstream = connect(serverPort, '127.0.0.1');
    let sent = '';
    /** Ends the connection in place of the answer. */
    let cutAnswer: (() => void) | undefined;
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
      if (cutAnswer === undefined) client.write(data);
      else if (data.includes(ANSWER)) cutAnswer();
    });
    client.on('data', (data) => {
      const text = data.toString('latin1');
      const before = sent.length;
      // A header may lie across two chunks.
      sent += text;
      if (wanted?.cut.kind === 'before') {
        const at = sent.indexOf(`Nats-Batch-Sequence: ${wanted.cut.message}\r\n`);
        if (at >= 0) {
          const { done } = wanted;
          wanted = undefined;
          upstream.end(Buffer.from(text.slice(0, Math.max(0, at - before)), 'latin1'), () => {
            client.destroy();
            done();
          });
          return;
        }
      } else if (wanted !== undefined && sent.includes(wanted.cut.after ?? COMMIT)) {
        const { done } = wanted;
        wanted = undefined;
        cutAnswer = () => {
          client.destroy();
          done();
        };
      }
      sent = sent.slice(-HEADER_LENGTH_MAX);
      upstream.write(data);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `nats://127.0.0.1:${port}`,
    cutNext: (cut) =>
      new Promise((resolve) => {
        wanted = { cut, done: resolve };
      }),
    block(next) {
      isBlocked = next;
      if (next) for (const socket of sockets) socket.destroy();
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
