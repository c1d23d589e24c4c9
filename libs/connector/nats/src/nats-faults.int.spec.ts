// What commits and sessions become when NATS fails under them.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { jetstream, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { tenantColumns, type Session } from '@pulses/connector-api';
import { isPulsesError } from '@pulses/shared-errors';
import { nodeClock } from '@pulses/shared-node-platform';
import { startNats, type NatsServer } from '@pulses/testing-services';
import { startNatsProxy, type NatsCut, type NatsProxy } from '@pulses/testing-system';
import { NatsConnector } from './nats-connector';

const SOURCE = 'source.pulses';
const STREAM = 'pulses-ingestor';
const TENANTS = 6;
const MESSAGES = 20;

let server: NatsServer;
let proxy: NatsProxy;
let client: NatsConnection;
let manager: JetStreamManager;
let connector: NatsConnector;
let warnings: string[];

beforeAll(async () => {
  server = await startNats({ own: true });
  proxy = await startNatsProxy(server.port);
});
afterAll(async () => {
  await proxy.close();
  await server.stop();
});
beforeEach(async () => {
  client = await connect({ servers: server.url, reconnect: false });
  manager = await jetstreamManager(client);
  await manager.streams.add({ name: 'pulses-source', subjects: [SOURCE] });
  for (let message = 0; message < MESSAGES; message += 1) await client.request(SOURCE, `${message}`);
  const dial = () => connect({ servers: proxy.url, reconnect: false });
  warnings = [];
  connector = new NatsConnector({
    connect: dial,
    clock: nodeClock,
    member: 'm',
    warn: (line) => warnings.push(line),
  });
});
afterEach(async () => {
  await connector.close();
  for (const name of await manager.streams.names().next()) await manager.streams.delete(name);
  await client.close();
});

const open = (of: NatsConnector = connector): Promise<Session> =>
  of.openSession({
    sourceTopic: SOURCE,
    group: 'ingestor',
    signal: new AbortController().signal,
    onStandby: () => undefined,
  });

const commitOf = (session: Session, text: string, offset: number) =>
  session.commit({
    grouped: tenantColumns(
      Array.from({ length: TENANTS }, (_, index) => ({
        tenant: `t${index}`,
        recordCount: 1,
        payload: Buffer.from(`${text}\n`),
      })),
    ),
    aggregated: undefined,
    deadLetters: undefined,
    positions: new Map([['grouped', { offset, metadata: text }]]),
  });

async function lines(): Promise<string[]> {
  const consumer = await jetstream(client).consumers.get(STREAM, { filter_subjects: ['tenants.>'] });
  const all: string[] = [];
  if ((await consumer.info()).num_pending === 0) return all;
  const messages = await consumer.consume();
  for await (const message of messages) {
    all.push(message.string().trimEnd());
    if (message.info.pending === 0) break;
  }
  await messages.close();
  return all;
}

const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('a commit whose connection is cut', () => {
  const cuts: NatsCut[] = [
    ...Array.from({ length: TENANTS + 1 }, (_, index): NatsCut => ({ kind: 'before', message: index + 1 })),
    { kind: 'answer' },
  ];

  it.each(cuts)('is stored whole or not at all, and the next session knows which: %j', async (cut) => {
    const session = await open();
    await commitOf(session, 'first', 1);
    void proxy.cutNext(cut);
    const failure = await failureOf(commitOf(session, 'cut', 2));
    expect(isPulsesError(failure) && failure.retriable).toBe(true);
    await session.close();
    const next = await open();
    const isStored = cut.kind === 'answer';
    expect(next.positions.get('grouped')?.metadata).toBe(isStored ? 'cut' : 'first');
    await commitOf(next, 'last', 3);
    const texts = isStored ? ['first', 'cut', 'last'] : ['first', 'last'];
    expect(await lines()).toEqual(texts.flatMap((text) => Array<string>(TENANTS).fill(text)));
  });
});

describe('a session', () => {
  it('fails with STORAGE_FULL when the output stream is full, and the next one works once it has room', async () => {
    const session = await open();
    await commitOf(session, 'first', 1);
    const { bytes } = (await manager.streams.info(STREAM)).state;
    await manager.streams.update(STREAM, { max_bytes: bytes + 100 });
    const failure = await failureOf(commitOf(session, 'too much', 2));
    expect(failure).toMatchObject({
      code: 'STORAGE_FULL',
      retriable: true,
      message: expect.stringMatching(
        /^NATS refused a commit to the stream pulses-ingestor: maximum bytes exceeded .*; raise max_bytes /,
      ) as unknown,
    });
    expect(await lines()).toEqual(Array<string>(TENANTS).fill('first'));
    await session.close();
    await manager.streams.update(STREAM, { max_bytes: -1 });
    const next = await open();
    expect(next.positions.get('grouped')?.offset).toBe(1);
    await commitOf(next, 'second', 2);
    expect(await lines()).toHaveLength(2 * TENANTS);
  });

  it.each(['deleted', 'deleted and made again'])(
    'never starts from nothing by itself when the output stream was %s',
    async (what) => {
      const session = await open();
      await commitOf(session, 'first', 1);
      const { config } = await manager.streams.info(STREAM);
      await manager.streams.delete(STREAM);
      if (what !== 'deleted') await manager.streams.add(config);
      expect(isPulsesError(await failureOf(commitOf(session, 'lost', 2)))).toBe(true);
      await session.close();
      for (let attempt = 0; attempt < 2; attempt += 1)
        expect(await failureOf(open())).toMatchObject({
          code: 'TOPIC_UNKNOWN',
          message: expect.stringMatching(
            /^the stream pulses-ingestor was deleted, and the positions with it: /,
          ) as unknown,
        });
      // A process that starts is told to.
      const other = new NatsConnector({
        connect: () => connect({ servers: proxy.url }),
        clock: nodeClock,
        member: 'o',
      });
      const next = await open(other);
      expect(next.positions.size).toBe(0);
      await commitOf(next, 'again', 1);
      expect(await lines()).toEqual(Array<string>(TENANTS).fill('again'));
      await other.close();
      const back = await open();
      expect(back.positions.get('grouped')).toEqual({ offset: 1, metadata: 'again' });
    },
  );

  it('starts from nothing when source and output stream were deleted', async () => {
    const session = await open();
    await commitOf(session, 'first', 1);
    for (const name of [STREAM, 'pulses-source']) await manager.streams.delete(name);
    await session.close();
    expect((await open()).positions.size).toBe(0);
  });

  it('starts from nothing, and says so, when the source was made again', async () => {
    const session = await open();
    await commitOf(session, 'first', 1);
    await session.close();
    const { config } = await manager.streams.info('pulses-source');
    await manager.streams.delete('pulses-source');
    await manager.streams.add(config);
    expect(warnings).toEqual([]);
    const next = await open();
    expect(next.positions.size).toBe(0);
    expect(warnings).toEqual([
      'NATS: the stream pulses-source was made again: the positions on the former one do not count',
    ]);
  });

  it('stops when the source has dropped messages that were not read', async () => {
    const session = await open();
    await commitOf(session, 'first', 1);
    await manager.streams.purge('pulses-source', { keep: 5 });
    const failure = await failureOf(session.read(2).next());
    expect(failure).toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' });
    expect((failure as Error).message).toContain('has dropped messages from 2 to 15');
    await session.close();
    const reopened = await failureOf(open());
    expect(reopened).toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' });
    expect((reopened as Error).message).toContain('the stream pulses-source holds the messages 16 to 20');
  });

  it('refuses a position record that is not of this version', async () => {
    await (await open()).close();
    const subject = 'pulses.positions.ingestor.source%2Epulses';
    await client.request(subject, '{"version":2}');
    const failure = await failureOf(open());
    expect(failure).toMatchObject({ code: 'PROTOCOL_VIOLATION' });
    expect((failure as Error).message).toContain(subject);
  });
});
