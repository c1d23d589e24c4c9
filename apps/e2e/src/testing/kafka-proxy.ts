// A proxy before a Kafka node that delays, drops or cuts at a request of a chosen kind.
//
// A frame is a length, then for a request its API key, version and correlation id, for an answer its correlation id.

import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** API keys of the protocol. */
export const KAFKA_APIS = {
  Produce: 0,
  Fetch: 1,
  OffsetFetch: 9,
  FindCoordinator: 10,
  InitProducerId: 22,
  AddPartitionsToTxn: 24,
  AddOffsetsToTxn: 25,
  EndTxn: 26,
  TxnOffsetCommit: 28,
} as const;

export type KafkaApi = keyof typeof KAFKA_APIS;

/**
 * `delay`: the answer comes late. `drop`: the answer never comes, the connection stays. `cut`: the connection ends in place
 * of the answer. `refuse`: the connection ends before the node gets the request.
 */
export type KafkaFault = 'delay' | 'drop' | 'cut' | 'refuse';

export interface KafkaProxy {
  readonly port: number;
  /** Does this to the next request of the kind. Resolves once it is done. */
  next(api: KafkaApi, fault: KafkaFault): Promise<void>;
  /** Requests of each API key so far. */
  readonly counts: ReadonlyMap<number, number>;
  close(): Promise<void>;
}

const HEADER_BYTES = 8;
const DELAY_MS = 2_000;

interface Wanted {
  readonly apiKey: number;
  readonly fault: KafkaFault;
  resolve(): void;
}

/** @param targetPort asked at each connection, since the node may not run yet */
export async function startKafkaProxy(targetPort: () => number): Promise<KafkaProxy> {
  const sockets = new Set<Socket>();
  const counts = new Map<number, number>();
  let wanted: Wanted | undefined;

  const server = createServer((client) => {
    const node = connect(targetPort(), '127.0.0.1');
    for (const socket of [client, node]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
    }
    const end = () => {
      client.destroy();
      node.destroy();
    };
    client.on('close', end);
    node.on('close', end);
    /** By correlation id. */
    const faults = new Map<number, Wanted>();
    /** Answers keep their order, also behind one that is late. */
    let answered: Promise<unknown> = Promise.resolve();

    const requests = frames((frame) => {
      const apiKey = frame.readInt16BE(4);
      counts.set(apiKey, (counts.get(apiKey) ?? 0) + 1);
      if (wanted?.apiKey === apiKey) {
        const found = wanted;
        wanted = undefined;
        if (found.fault === 'refuse') {
          end();
          found.resolve();
          return;
        }
        faults.set(frame.readInt32BE(HEADER_BYTES), found);
      }
      node.write(frame);
    });
    const answers = frames((frame) => {
      const id = frame.readInt32BE(4);
      const found = faults.get(id);
      faults.delete(id);
      if (found?.fault === 'cut') end();
      if (found?.fault === 'delay')
        answered = answered.then(() => new Promise((resolve) => setTimeout(resolve, DELAY_MS)));
      if (found === undefined || found.fault === 'delay') answered = answered.then(() => client.write(frame));
      found?.resolve();
    });
    client.on('data', requests);
    node.on('data', answers);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    port: (server.address() as AddressInfo).port,
    counts,
    next: (api, fault) =>
      new Promise((resolve) => {
        wanted = { apiKey: KAFKA_APIS[api], fault, resolve };
      }),
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Calls `take` for each whole frame, with its length. */
function frames(take: (frame: Buffer) => void): (bytes: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (bytes) => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const length = 4 + rest.readInt32BE(0);
      take(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
  };
}
