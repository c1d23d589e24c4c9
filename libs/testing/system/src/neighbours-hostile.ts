// Clients of one kind that a broker would rather not have, for a process of their own.

import { encodeRequest, payloadOf, PREAMBLE, PROTOCOL_VERSION } from '@pulses/broker-wire';
import { createSimRandom } from '@pulses/testing-sim';
import { connectWire, ConnectionEnded } from '@pulses/testing-wire-client';
import { connect, type Socket } from 'node:net';
import { crc32 } from 'node:zlib';
import { loadOf, pass, publisherOf, readByFetch, readByLines } from './neighbours-load';

export type HostileKind = 'joining' | 'returning' | 'slow-opening' | 'endless-line' | 'mutated';

export interface Hostility {
  readonly kind: HostileKind;
  readonly port: number;
  readonly clients: number;
  /** Over how long the clients come, where they do not come all at once. */
  readonly overMs: number;
  /** Of what is random. */
  readonly seed: number;
}

const STORED_BEFORE = 5_000;
const ENDLESS_CHUNK = Buffer.alloc(64 * 1024, 'y');
const BYTE_MS = 500;
const AT_ONCE = 20;

let done = 0;
let isStopping = false;

const ended = (socket: Socket) =>
  new Promise<void>((resolve) => {
    socket.on('error', () => undefined);
    socket.on('close', () => {
      resolve();
    });
    socket.resume();
  });

/** Readers that come one after the other while something is published; who has everything goes. */
async function join({ port, clients, overMs }: Hostility): Promise<void> {
  const topic = `joined-${process.pid}`;
  const load = loadOf({ messages: STORED_BEFORE + clients, padBytes: 50 });
  const publisher = await publisherOf(port, topic, load);
  await publisher.upTo(STORED_BEFORE);
  const readers: Promise<void>[] = [];
  process.stdout.write('begun\n');
  for (let index = 0; index < clients && !isStopping; index += 1) {
    const reader =
      index % 2 === 0 ? readByLines(port, topic, load) : readByFetch(port, topic, load, (index * 97) % STORED_BEFORE);
    readers.push(reader.complete.finally(reader.close));
    await publisher.upTo(STORED_BEFORE + index + 1);
    await pass(overMs / clients);
  }
  await publisher.upTo(load.messages);
  await Promise.all(readers);
  publisher.close();
  done = readers.length;
}

/** All of them at once, each until it has had its answer; and again. */
async function comeBack({ port, clients }: Hostility): Promise<void> {
  const visit = async (): Promise<void> => {
    for (;;)
      try {
        const client = await connectWire(port);
        await client.request('pong', { type: 'ping' });
        client.close();
        done += 1;
        return;
      } catch (error) {
        if (!(error instanceof ConnectionEnded)) throw error;
        await pass(100);
      }
  };
  process.stdout.write('begun\n');
  while (!isStopping) {
    await Promise.all(Array.from({ length: clients }, visit));
    await pass(1_000);
  }
}

/** Keeps `clients` connections that send a byte now and then. */
async function dawdle({ port, clients }: Hostility): Promise<void> {
  const openings = [Buffer.alloc(0), PREAMBLE, Buffer.from('source-connector_a-topic-whose-name-never-ends')];
  const one = async (index: number): Promise<void> => {
    while (!isStopping) {
      const socket = connect(port, '127.0.0.1').setNoDelay(true);
      const opening = openings[index % openings.length] ?? PREAMBLE;
      let sent = 0;
      const dripping = setInterval(() => {
        if (sent < opening.byteLength - 1) socket.write(opening.subarray(sent, (sent += 1)));
        if (isStopping) socket.destroy();
      }, BYTE_MS);
      await ended(socket);
      clearInterval(dripping);
      done += 1;
    }
  };
  const all = Array.from({ length: clients }, (_, index) => one(index));
  process.stdout.write('begun\n');
  await Promise.all(all);
}

async function neverEnd({ port, clients }: Hostility): Promise<void> {
  const one = async (): Promise<void> => {
    while (!isStopping) {
      const socket = connect(port, '127.0.0.1');
      const over = ended(socket);
      socket.write('sink-connector_endless\n');
      const fill = () => {
        while (!socket.destroyed && !isStopping && socket.write(ENDLESS_CHUNK));
        if (isStopping) socket.destroy();
      };
      socket.on('drain', fill);
      fill();
      await over;
      done += 1;
    }
  };
  const all = Array.from({ length: clients }, one);
  process.stdout.write('begun\n');
  await Promise.all(all);
}

/** Frames with one wrong byte, half of them with a checksum that is right again. */
async function mutate({ port, seed }: Hostility): Promise<void> {
  const hello = encodeRequest(1, { type: 'hello', protocolVersion: PROTOCOL_VERSION, client: 'mutant', token: '' });
  const payload = Buffer.from('a message\n');
  const producer = { id: '0'.repeat(32), epoch: 0, sequence: 0 };
  const sound = Buffer.concat(
    encodeRequest(2, { type: 'produce', producer, topic: 'mutants', recordCount: 1, ...payloadOf(payload) }),
  );
  const random = createSimRandom(seed);
  const one = async (): Promise<void> => {
    while (!isStopping) {
      const frame = Buffer.from(sound);
      const at = 8 + Math.floor(random.fraction() * (frame.byteLength - 8));
      frame[at] = (frame[at] ?? 0) ^ (1 << Math.floor(random.fraction() * 8));
      if (random.fraction() < 0.5) frame.writeUInt32LE(crc32(frame.subarray(8)), 4);
      const socket = connect(port, '127.0.0.1');
      const over = ended(socket);
      socket.end(Buffer.concat([PREAMBLE, ...hello, frame]));
      await over;
      done += 1;
    }
  };
  const all = Array.from({ length: AT_ONCE }, one);
  process.stdout.write('begun\n');
  await Promise.all(all);
}

const KINDS: Readonly<Record<HostileKind, (hostility: Hostility) => Promise<void>>> = {
  joining: join,
  returning: comeBack,
  'slow-opening': dawdle,
  'endless-line': neverEnd,
  mutated: mutate,
};

/** Prints `begun` once it disturbs; at SIGTERM it ends and prints how often it did what it does. */
export async function runHostility(hostility: Hostility): Promise<void> {
  process.on('SIGTERM', () => {
    isStopping = true;
  });
  await KINDS[hostility.kind](hostility);
  process.stdout.write(`${JSON.stringify({ done })}\n`);
}
