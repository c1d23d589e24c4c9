// Slow, numerous and hostile clients beside a well-behaved one.
//
// The broker is made for these counts. The nightly run repeats them twenty times.

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import { payloadOf, PREAMBLE } from '@pulses/broker-wire';
import { peakMemoryMiB } from '@pulses/testing-benches';
import {
  makeProgram,
  makeTempDirectory,
  stopAll,
  until,
  type Program,
  type TempDirectory,
} from '@pulses/testing-processes';
import {
  loadOf,
  pass,
  publisherOf,
  readByFetch,
  readByLines,
  startBrokerProcess,
  type BrokerProcess,
  type Crowd,
  type CrowdResult,
  type LoadReader,
} from '@pulses/testing-system';
import { connectWire, ConnectionEnded } from '@pulses/testing-wire-client';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { publishLines, readLines, sendText } from './testing/line-client';

const ROUNDS = SCALE.sizeOf({ sample: 1, fault: 1, torture: 20 });
const STOPPED_READERS = 100;
const JOINING_READERS = 500;
/** So that a replay takes many reads. */
const STORED_BEFORE = 1_500;
const NEW_BY_READER = 5;
const RETURNING_CLIENTS = 2_000;
const SLOW_OPENERS = 300;
const ENDLESS_LINES = 20;
const ENDLESS_BYTES = 8 * 1024 * 1024;
const MEMORY_MIB_MAX = 250;
const DRIP_MS = 250;
const TIMEOUT_MS = 240_000 * ROUNDS;

const CROWD_SOURCE = `
import { runCrowd } from '@pulses/testing-system';
void runCrowd(JSON.parse(process.argv[2] ?? ''));
`;

describe('a broker with slow and hostile neighbours', () => {
  let broker: BrokerProcess;
  let directory: TempDirectory;

  beforeEach(async () => {
    directory = await makeTempDirectory();
    broker = await startBrokerProcess(['--log-level=warn']);
  });
  afterEach(async () => {
    const peakMiB = peakMemoryMiB(broker.app.pid);
    await stopAll();
    await broker.stop();
    await directory.remove();
    expect(peakMiB).toBeLessThanOrEqual(MEMORY_MIB_MAX);
  });

  async function metric(name: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${broker.httpPort}/metrics`)).text();
    const line = text.split('\n').find((one) => one.startsWith(`${name} `));
    if (line === undefined) throw new Error(`no metric ${name}`);
    return Number(line.slice(name.length + 1));
  }

  async function metricReaches(name: string, value: number): Promise<void> {
    await until(async () => (await metric(name)) >= value);
  }

  it(
    `acknowledges everything and serves others while ${STOPPED_READERS} readers are stopped, which then get all of it`,
    async () => {
      const crowdProgram: Program = await makeProgram(directory.path, CROWD_SOURCE);
      for (let round = 0; round < ROUNDS; round += 1) {
        const topic = `stopped-${round}`;
        // More than what the system's buffers of most connections hold.
        const shape = { messages: 12_000, padBytes: 1_000 };
        const load = loadOf(shape);
        const publisher = await publisherOf(broker.port, topic, load);
        await publisher.upTo(1_000);
        const crowd: Crowd = { port: broker.port, topic, readers: STOPPED_READERS / 2, load: shape };
        const crowds = [0, 1].map(() => crowdProgram.start({ args: [JSON.stringify(crowd)] }));
        for (const { waitForOutput } of crowds) await waitForOutput(/joined\n/);
        const slowBefore = await metric('pulses_slow_readers_total');
        for (const { signal } of crowds) signal('SIGSTOP');
        const others = [0, 1].flatMap((index) => [
          readByLines(broker.port, topic, load),
          readByFetch(broker.port, topic, load, index * 500),
        ]);
        await publisher.upTo(load.messages);
        await Promise.all(others.map(({ complete }) => complete));
        // The system takes no more for those of the line protocol. It lets the buffers of a few grow until they hold
        // the whole load. The others have used their credit up.
        await metricReaches('pulses_slow_readers_total', slowBefore + STOPPED_READERS / 4);
        for (const { signal } of crowds) signal('SIGCONT');
        for (const app of crowds) {
          expect(await app.exited).toEqual({ code: 0, signal: null });
          const result = JSON.parse(app.stdout.trim().split('\n').at(-1) ?? '') as CrowdResult;
          expect(result).toEqual({ complete: crowd.readers, closed: 0, wrong: [] });
        }
        for (const reader of others) reader.close();
        publisher.close();
      }
    },
    TIMEOUT_MS,
  );

  it(
    `gives ${JOINING_READERS} readers that join during the load, of both protocols, everything once and in order`,
    async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const topic = `joined-${round}`;
        const load = loadOf({ messages: STORED_BEFORE + JOINING_READERS * NEW_BY_READER, padBytes: 50 });
        const publisher = await publisherOf(broker.port, topic, load);
        await publisher.upTo(STORED_BEFORE);
        const readers: LoadReader[] = [];
        while (readers.length < JOINING_READERS) {
          const index = readers.length;
          const reader =
            index % 2 === 0
              ? readByLines(broker.port, topic, load)
              : readByFetch(broker.port, topic, load, (index * 97) % (publisher.acknowledged + 1));
          readers.push(reader);
          if (index % 2 === 1) await publisher.upTo(STORED_BEFORE + readers.length * NEW_BY_READER);
        }
        await Promise.all(readers.map(({ complete }) => complete));
        const heads = new Set(await Promise.all(readers.map(({ joined }) => joined)));
        expect(heads.size).toBeGreaterThan(20); // they did not all join at one moment
        for (const reader of readers) reader.close();
        publisher.close();
        // A reader of lines that has gone is noticed when something is sent to it, or half a minute later.
        const client = await connectWire(broker.port);
        await client.request('done', { type: 'delete-topics', topics: [topic] });
        client.close();
      }
    },
    TIMEOUT_MS,
  );

  /** Asks again for as long as the connection is refused. */
  async function untilAnswered<Answer>(ask: () => Promise<Answer>): Promise<{ answer: Answer; refusals: number }> {
    for (let refusals = 0; ; refusals += 1) {
      try {
        return { answer: await ask(), refusals };
      } catch (error) {
        if (!(error instanceof ConnectionEnded)) throw error;
        await pass(Math.min(500, 20 * 2 ** refusals));
      }
    }
  }

  /** Connects, stores one message and goes. Resolves to how often it was refused. */
  async function visit(topic: string, index: number): Promise<number> {
    const payload = Buffer.from(`client ${index}\n`);
    // The same stamp each time: what was stored and not answered is not stored again.
    const producer = { id: index.toString(16).padStart(32, '0'), epoch: 0, sequence: 0 };
    const { refusals } = await untilAnswered(async () => {
      const client = await connectWire(broker.port);
      await client.request('produced', { type: 'produce', producer, topic, recordCount: 1, ...payloadOf(payload) });
      client.close();
    });
    return refusals;
  }

  const clients = Array.from({ length: RETURNING_CLIENTS }, (_, index) => index);
  const messagesOf = async (topic: string) => (await readLines(broker.port, topic, RETURNING_CLIENTS)).sort();
  const expectedMessages = clients.map((index) => `client ${index}`).sort();

  it(
    `answers ${RETURNING_CLIENTS} clients that all come back at once after a crash`,
    async () => {
      const before = await Promise.all(clients.map(() => untilAnswered(() => connectWire(broker.port))));
      const lost = Promise.all(before.map(({ answer }) => answer.ended));
      const back = lost.then(() => Promise.all(clients.map((index) => visit('back', index))));
      await broker.restart('SIGKILL');
      await back;
      expect(await messagesOf('back')).toEqual(expectedMessages);
      for (let round = 1; round < ROUNDS; round += 1)
        await Promise.all(clients.map((index) => visit(`back-${round}`, index)));
    },
    TIMEOUT_MS,
  );

  it(
    'refuses connections above its limit, until every client has come again and been answered',
    async () => {
      await broker.stop();
      broker = await startBrokerProcess(['--log-level=warn', '--connections-max=200']);
      const refusals = await Promise.all(clients.map((index) => visit('crowded', index)));
      expect(Math.max(...refusals)).toBeGreaterThan(0);
      expect(await messagesOf('crowded')).toEqual(expectedMessages);
    },
    TIMEOUT_MS,
  );

  it(
    'drops clients that are slow to open, and no other',
    async () => {
      const openings = [
        Buffer.alloc(0),
        Buffer.from('source-connector_a-topic-whose-name-never-ends'),
        PREAMBLE,
        // A hello whose length says that more is to come.
        Buffer.concat([PREAMBLE, Buffer.from('400000000000000001', 'hex')]),
      ];
      const drips: { socket: Socket; bytes: Uint8Array; sent: number }[] = [];
      const closed: Promise<unknown>[] = [];
      for (let index = 0; index < SLOW_OPENERS; index += 1) {
        const socket = connect(broker.port, '127.0.0.1').setNoDelay(true);
        socket.on('error', () => undefined);
        socket.resume();
        closed.push(once(socket, 'close'));
        drips.push({ socket, bytes: openings[index % openings.length] ?? PREAMBLE, sent: 0 });
      }
      const dripping = setInterval(() => {
        for (const drip of drips) {
          if (drip.sent >= drip.bytes.byteLength || drip.socket.destroyed) continue;
          drip.socket.write(drip.bytes.subarray(drip.sent, drip.sent + 1));
          drip.sent += 1;
        }
      }, DRIP_MS);
      const load = loadOf({ messages: 20_000, padBytes: 50 });
      const publisher = await publisherOf(broker.port, 'undisturbed', load);
      await publisher.upTo(1);
      const readers = [readByLines(broker.port, 'undisturbed', load), readByFetch(broker.port, 'undisturbed', load, 0)];
      await publisher.upTo(load.messages);
      await Promise.all(readers.map(({ complete }) => complete));
      await Promise.all(closed);
      clearInterval(dripping);
      expect(await metric('pulses_connections_refused_total{reason="opening"}')).toBe(SLOW_OPENERS);
      // The clients that opened in time are still connected.
      expect(await metric('pulses_connections')).toBe(3);
      for (const reader of readers) reader.close();
      publisher.close();
    },
    TIMEOUT_MS,
  );

  it('drops lines that never end, keeps the lines before them, and logs it', async () => {
    const endings = Array.from({ length: ENDLESS_LINES }, async (_, index) => {
      const text = Buffer.concat([
        Buffer.from(`sink-connector_endless\nbefore ${index}\n`),
        Buffer.alloc(ENDLESS_BYTES, 'y'),
      ]);
      await sendText(broker.port, text).catch(() => undefined);
    });
    await Promise.all(endings);
    const cut =
      (await metric('pulses_lines_refused_total')) +
      (await metric('pulses_connections_refused_total{reason="overloaded"}'));
    expect(cut).toBe(ENDLESS_LINES);
    expect(await metric('pulses_lines_refused_total')).toBeGreaterThan(0);
    const warnings = broker.app.stdout + broker.app.stderr;
    expect(warnings).toContain('MESSAGE_TOO_LARGE');
    await publishLines(broker.port, 'endless', ['after']);
    const lines = await readLines(broker.port, 'endless', ENDLESS_LINES + 1);
    expect(lines.sort()).toEqual(
      ['after', ...Array.from({ length: ENDLESS_LINES }, (_, index) => `before ${index}`)].sort(),
    );
    // A first line without an end gets its reason: its client reads.
    expect(await sendText(broker.port, 'z'.repeat(4_096))).toMatch(/^PROTOCOL_VIOLATION: [^\n]+\n$/);
  });
});
