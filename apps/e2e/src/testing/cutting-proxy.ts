// A proxy before a broker that cuts a connection between a commit's storing and its answer.

import { createFrameAssembler, decodeRequest, PREAMBLE } from '@pulses/broker-wire';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface CuttingProxy {
  readonly port: number;
  /** The answer to the next commit that names the topic, and all behind it, is kept back; resolves once the commit has been passed on. */
  keepBackAnswerOf(topic: string): Promise<void>;
  /** Cuts every connection. */
  cut(): void;
  close(): Promise<void>;
}

export async function startCuttingProxy(brokerPort: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let awaited: { readonly topic: string; resolve(): void } | undefined;

  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  };

  const server = createServer((client) => {
    const broker = connect(brokerPort, '127.0.0.1');
    [client, broker].forEach(track);
    const requests = createFrameAssembler();
    let preambleLeft: number = PREAMBLE.byteLength;
    let isKeepingBack = false;
    client.on('data', (bytes: Buffer) => {
      const skipped = Math.min(preambleLeft, bytes.byteLength);
      preambleLeft -= skipped;
      for (const frame of requests.push(bytes.subarray(skipped))) {
        const request = decodeRequest(frame);
        if (request.type !== 'commit' || awaited === undefined || !request.newTopics.includes(awaited.topic)) continue;
        isKeepingBack = true;
        awaited.resolve();
        awaited = undefined;
      }
      broker.write(bytes);
    });
    broker.on('data', (bytes: Buffer) => {
      if (!isKeepingBack) client.write(bytes);
    });
    client.on('close', () => broker.destroy());
    broker.on('close', () => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };

  return {
    port: (server.address() as AddressInfo).port,
    keepBackAnswerOf: (topic) =>
      new Promise((resolve) => {
        awaited = { topic, resolve };
      }),
    cut,
    async close() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
