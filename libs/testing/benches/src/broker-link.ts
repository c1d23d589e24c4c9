// One connection to a broker in its own protocol, with nothing between a bench and the wire.
//
// Guarantees: requests take effect in the order of the calls. It does not survive a lost connection, and bounds nothing:
// the bench decides how much is on the way.

import { once } from 'node:events';
import { connect } from 'node:net';
import { randomBytes } from 'node:crypto';
import {
  createFrameAssembler,
  decodeResponse,
  encodeRequest,
  LIST_TOPICS_LIMIT_MAX,
  PREAMBLE,
  PROTOCOL_VERSION,
  type RecordBatch,
  type Request,
  type Response,
} from '@pulses/broker-wire';

export interface BrokerLink {
  /** Resolves, once it is stored, to the offset of the first message. */
  produce(topic: string, payload: Uint8Array, recordCount: number): Promise<number>;
  /** Reads a topic that exists from its first message, until the returned function is called or the link is closed. */
  read(topic: string, onRecords: (batch: RecordBatch) => void, onFailure?: (error: Error) => void): () => void;
  /** The first `count` messages of a topic, at least, as text with their line feeds. */
  readText(topic: string, count: number): Promise<string>;
  /** The offset behind the last message of each topic that starts with the prefix, by its name. */
  topics(prefix: string): Promise<ReadonlyMap<string, number>>;
  /** The offset of a group's position in a topic; 0 when there is none yet. */
  position(group: string, topic: string, name: string): Promise<number>;
  /** @throws Error when the link was lost, or a read has failed: whoever waits for records asks this meanwhile */
  assertAlive(): void;
  close(): void;
}

const CREDIT_BYTES = 4 * 1024 * 1024;

type Taker = (response: Response) => void;

export async function openBrokerLink(port: number): Promise<BrokerLink> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  const assembler = createFrameAssembler();
  const takers = new Map<number, { take: Taker; reject(error: Error): void }>();
  const producerId = randomBytes(16).toString('hex');
  let lastCorrelation = 0;
  let sequence = 0;
  let failure: Error | undefined;

  const fail = (error: Error) => {
    failure ??= error;
    for (const { reject } of takers.values()) reject(failure);
    takers.clear();
  };
  const send = (correlation: number, request: Request) => {
    socket.cork();
    for (const part of encodeRequest(correlation, request)) socket.write(part);
    socket.uncork();
  };
  const ask = (request: Request) =>
    new Promise<Response>((resolve, reject) => {
      if (failure !== undefined) {
        reject(failure);
        return;
      }
      const correlation = (lastCorrelation += 1);
      const take: Taker = (response) => {
        takers.delete(correlation);
        if (response.type === 'error') reject(new Error(`the broker answers ${response.code}: ${response.message}`));
        else resolve(response);
      };
      takers.set(correlation, { take, reject });
      send(correlation, request);
    });

  socket.on('error', fail);
  socket.on('close', () => {
    fail(new Error('the broker has closed the connection'));
  });
  socket.on('data', (chunk: Buffer) => {
    for (const frame of assembler.push(chunk)) takers.get(frame.correlation)?.take(decodeResponse(frame));
  });
  socket.write(PREAMBLE);
  await ask({ type: 'hello', protocolVersion: PROTOCOL_VERSION, client: 'bench', token: '' });

  const read: BrokerLink['read'] = (topic, onRecords, onFailure = () => undefined) => {
    const correlation = (lastCorrelation += 1);
    let takenBytes = 0;
    const take: Taker = (response) => {
      if (response.type === 'error') fail(new Error(`the broker ends ${topic}: ${response.code}, ${response.message}`));
      if (response.type !== 'records') return;
      for (const batch of response.batches) {
        takenBytes += batch.payload.byteLength;
        onRecords(batch);
      }
      if (takenBytes < CREDIT_BYTES / 2 || !takers.has(correlation)) return;
      send(correlation, { type: 'credit', bytes: takenBytes });
      takenBytes = 0;
    };
    takers.set(correlation, { take, reject: onFailure });
    send(correlation, { type: 'fetch', topic, incarnation: '', fromOffset: 0, creditBytes: CREDIT_BYTES });
    return () => {
      if (takers.delete(correlation)) send(correlation, { type: 'stop-fetch' });
    };
  };

  return {
    async produce(topic, payload, recordCount) {
      const stamp = { id: producerId, epoch: 0, sequence };
      sequence += 1;
      const response = await ask({ type: 'produce', producer: stamp, topic, recordCount, payload });
      if (response.type !== 'produced') throw new Error(`${response.type} came for produced`);
      return response.baseOffset;
    },
    read,
    readText: (topic, count) =>
      new Promise((resolve, reject) => {
        const parts: string[] = [];
        let missing = count;
        const stop = read(
          topic,
          ({ payload, recordCount }) => {
            parts.push(Buffer.from(payload).toString('utf8'));
            missing -= recordCount;
            if (missing > 0) return;
            stop();
            resolve(parts.join(''));
          },
          reject,
        );
      }),
    async topics(prefix) {
      const offsets = new Map<string, number>();
      for (let after = ''; ;) {
        const response = await ask({ type: 'list-topics', prefix, after, limit: LIST_TOPICS_LIMIT_MAX });
        if (response.type !== 'topics') throw new Error(`${response.type} came for topics`);
        for (const { topic, nextOffset } of response.topics) offsets.set(topic, nextOffset);
        if (!response.more) return offsets;
        after = response.topics.at(-1)?.topic ?? '';
      }
    },
    async position(group, topic, name) {
      const response = await ask({ type: 'read-positions', group, topic });
      if (response.type !== 'positions') throw new Error(`${response.type} came for positions`);
      return response.positions.find((position) => position.name === name)?.offset ?? 0;
    },
    assertAlive() {
      if (failure !== undefined) throw failure;
    },
    close() {
      socket.destroy();
    },
  };
}
