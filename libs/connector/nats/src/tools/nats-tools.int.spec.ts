import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, nanos, type NatsConnection } from '@nats-io/transport-node';
import { linesOf, tenantColumns, type ConnectorTools, type Session, type TopicAdmin } from '@pulses/connector-api';
import { nodeClock, nodeNetwork, nodeRandom } from '@pulses/shared-node-platform';
import { parseSettings } from '@pulses/shared-settings';
import { startNats, type NatsServer } from '@pulses/testing-services';
import { startNatsProxy } from '@pulses/testing-system';
import { natsConnector } from '../registration';
import { natsSettings } from '../settings';

const SOURCE = 'source.pulses';
const GROUPED = 'tenants.a.grouped.pulses';

let server: NatsServer;
const closing: (() => unknown)[] = [];

beforeAll(async () => {
  server = await startNats({ own: true });
  const anchor = await connect({ servers: server.url });
  await (await jetstreamManager(anchor)).streams.add({ name: 'anchor', subjects: ['anchor'] });
  await anchor.close();
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  const connection = await connect({ servers: server.url });
  const manager = await jetstreamManager(connection);
  for (const name of await manager.streams.names().next()) if (name !== 'anchor') await manager.streams.delete(name);
  await connection.close();
});
afterAll(() => server.stop());

const context = { network: nodeNetwork, clock: nodeClock, random: nodeRandom, clientName: 'test', member: 'test' };
const settings = (url = server.url) =>
  parseSettings(natsSettings, { argv: [`--nats-url=${url}`], env: {}, readFile: () => '' }).values;

const tools = (): Promise<ConnectorTools> => natsConnector.openTools(settings(), context);

async function client(): Promise<NatsConnection> {
  const connection = await connect({ servers: server.url });
  closing.push(() => connection.close());
  return connection;
}

async function topics(): Promise<TopicAdmin> {
  const admin = await (await tools()).connect();
  closing.push(() => {
    admin.close();
  });
  return admin;
}

async function produce(lines: readonly string[]): Promise<void> {
  const producer = await (await tools()).openProducer({ topic: SOURCE, keyOf: () => undefined, isPatient: false });
  await producer.send(Buffer.from(lines.map((line) => `${line}\n`).join('')), lines.length);
  await producer.close();
}

async function session(): Promise<Session> {
  const { connector } = await natsConnector.open(settings(), context);
  closing.push(() => connector.close());
  return await connector.openSession({
    sourceTopic: SOURCE,
    group: 'ingestor',
    signal: new AbortController().signal,
    onStandby: () => undefined,
  });
}

/** Stores two messages of lines of the tenant a. */
async function store(open: Session): Promise<void> {
  for (const [round, lines] of [['g1', 'g2'], ['g3']].entries())
    await open.commit({
      grouped: tenantColumns([
        { tenant: 'a', recordCount: lines.length, payload: Buffer.from(lines.map((line) => `${line}\n`).join('')) },
      ]),
      aggregated: undefined,
      deadLetters: undefined,
      positions: new Map([['grouped', { offset: 1 + round, metadata: 'm' }]]),
    });
}

async function read(admin: TopicAdmin, topic: string, from = 0, until = Infinity): Promise<[number, string][]> {
  const [info] = await admin.partitions(topic);
  if (info === undefined) throw new Error(`no topic ${topic}`);
  const range = {
    fromOffset: Math.max(from, info.startOffset),
    untilOffset: Math.min(until, info.nextOffset),
    aheadBytes: 1 << 20,
  };
  const lines: [number, string][] = [];
  for await (const batches of admin.read(info, range))
    for (const batch of batches)
      for (const [index, line] of linesOf(batch).entries()) lines.push([batch.baseOffset + index, line]);
  return lines;
}

describe('the tools on NATS', () => {
  it('refuse to publish dead letters again, and say what to use', async () => {
    const marked = { topic: `${SOURCE}.dead-letter`, incarnation: '' };
    const options = { group: 'redrive', marked, topic: SOURCE, keyOf: () => undefined };
    await expect((await topics()).openMarkedPublisher(options)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining("'pulses produce'"),
    });
  });

  it('publish lines once, in order, and read them with their offsets', async () => {
    const lines = Array.from({ length: 2_500 }, (_, index) => `line ${index}`);
    await produce(lines);
    const admin = await topics();
    expect(await read(admin, SOURCE)).toEqual(lines.map((line, index) => [index + 1, line]));
    expect(await read(admin, SOURCE, 2_000, 2_003)).toEqual([
      [2_000, 'line 1999'],
      [2_001, 'line 2000'],
      [2_002, 'line 2001'],
    ]);
    expect(await admin.partitions('none')).toEqual([]);
  });

  it('publish again what a crash of the server left open, once', async () => {
    const producer = await (await tools()).openProducer({ topic: SOURCE, keyOf: () => undefined, isPatient: true });
    const lines = Array.from({ length: 60 }, (_, index) => [`${index}a`, `${index}b`, `${index}c`]);
    const sends = lines.map((some) => producer.send(Buffer.from(some.map((line) => `${line}\n`).join('')), 3));
    await sends[5];
    await server.restart();
    await Promise.all(sends);
    await producer.close();
    expect((await read(await topics(), SOURCE)).map(([, line]) => line)).toEqual(lines.flat());
  });

  it.each([
    ['an atomic batch that was stored', true, { kind: 'answer' }, 3],
    ['an atomic batch of which a part was sent', true, { kind: 'before', message: 3 }, 3],
    ['messages of which the last answer is missing', false, { kind: 'answer', after: 'line 2' }, 3],
    ['one message', true, { kind: 'answer', after: 'line 0' }, 1],
  ] as const)('publish %s once when its id is forgotten', async (_, isAtomic, cut, count) => {
    const windowMs = 200;
    const admin = await jetstreamManager(await client());
    await admin.streams.add({
      name: 'pulses-source',
      subjects: [SOURCE],
      allow_atomic: isAtomic,
      duplicate_window: nanos(windowMs),
    });
    const proxy = await startNatsProxy(server.port);
    closing.push(() => proxy.close());
    let waitedMs = 0;
    const through = await natsConnector.openTools(settings(proxy.url), context);
    const producer = await through.openProducer({
      topic: SOURCE,
      keyOf: () => undefined,
      isPatient: true,
      onRetry: (_error, _attempt, delayMs) => {
        waitedMs += delayMs;
        if (waitedMs > windowMs) proxy.block(false);
      },
    });
    await producer.send(Buffer.from('before\n'), 1);
    const lines = Array.from({ length: count }, (_item, index) => `line ${index}`);
    void proxy.cutNext(cut).then(() => {
      proxy.block(true);
    });
    await producer.send(Buffer.from(lines.map((line) => `${line}\n`).join('')), count);
    await producer.send(Buffer.from('after\n'), 1);
    await producer.close();
    expect(waitedMs).toBeGreaterThan(windowMs);
    expect((await read(await topics(), SOURCE)).map(([, line]) => line)).toEqual(['before', ...lines, 'after']);
  });

  it('refuse a line that no message takes, before any of its send is stored', async () => {
    const long = 'x'.repeat(1_048_576);
    await expect(produce([...Array.from({ length: 1_500 }, () => 'short'), long])).rejects.toMatchObject({
      code: 'MESSAGE_TOO_LARGE',
    });
    expect(await read(await topics(), SOURCE)).toEqual([]);
    await produce(['x'.repeat(1_048_000)]);
    expect(await read(await topics(), SOURCE)).toHaveLength(1);
  });

  it('list topics, and read the lines of an output one by one from any offset', async () => {
    await produce(['p1', 'p2', 'p3']);
    await store(await session());
    const admin = await topics();
    expect((await admin.topics('')).map(({ topic }) => topic)).toEqual([SOURCE, GROUPED]);
    expect((await admin.topics('tenants.')).map(({ topic }) => topic)).toEqual([GROUPED]);
    const all = await read(admin, GROUPED);
    expect(all.map(([, line]) => line)).toEqual(['g1', 'g2', 'g3']);
    for (const [index, [offset]] of all.entries()) {
      expect(await read(admin, GROUPED, offset)).toEqual(all.slice(index));
      expect(await read(admin, GROUPED, 0, offset)).toEqual(all.slice(0, index));
    }
  });

  it('read the lines of all tenants in one pass, each with its tenant, and a line that needs several messages', async () => {
    await produce(['p1']);
    const open = await session();
    const long = 'x'.repeat(2_500_000);
    const tenants = ['a', 'b', 'c'];
    for (const round of [1, 2])
      await open.commit({
        grouped: tenantColumns(
          tenants.map((tenant) => {
            const payload = Buffer.from(`${tenant}${round}\n${tenant === 'b' ? long : ''}\n`);
            return { tenant, recordCount: 2, payload };
          }),
        ),
        aggregated: undefined,
        deadLetters: undefined,
        positions: new Map([['grouped', { offset: 1, metadata: '' }]]),
      });
    const admin = await topics();
    const outputs = await admin.outputs();
    expect(outputs.map(({ kind, isShared }) => [kind, isShared])).toEqual([
      ['grouped', true],
      ['aggregated', true],
    ]);
    const read: Record<string, string[]> = {};
    for (const info of outputs)
      for await (const batches of admin.readOutputs([info]))
        for (const { topic, batch } of batches)
          (read[topic.topic] ??= []).push(...linesOf({ ...batch, timestampMs: 0 }).map((line) => line.slice(0, 3)));
    expect(read).toEqual({
      'tenants.a.grouped.pulses': ['a1', '', 'a2', ''],
      'tenants.b.grouped.pulses': ['b1', 'xxx', 'b2', 'xxx'],
      'tenants.c.grouped.pulses': ['c1', '', 'c2', ''],
    });
    const [b] = await admin.partitions('tenants.b.grouped.pulses');
    const lengths: number[] = [];
    for await (const batches of admin.read(b ?? { topic: '', incarnation: '' }, {
      fromOffset: b?.startOffset ?? 0,
      untilOffset: b?.nextOffset ?? 0,
      aheadBytes: 1,
    }))
      for (const batch of batches) lengths.push(...linesOf(batch).map((line) => line.length));
    expect(lengths).toEqual([2, 2_500_000, 2, 2_500_000]);
  });

  it('hide ticks, and keep the offsets and times that the ingestor sees', async () => {
    await produce(['p1']);
    const open = await session();
    const stream = open.read(1);
    let event = await stream.next();
    const firstMs = event.kind === 'records' ? event.timestampMs : NaN;
    stream.provePast(firstMs + 1);
    while (event.kind !== 'head' || event.clockMs <= firstMs) event = await stream.next();
    await produce(['p2']);
    const admin = await topics();
    expect(await read(admin, SOURCE)).toEqual([
      [1, 'p1'],
      [event.nextOffset, 'p2'],
    ]);
  });

  it('show groups and positions, and change them only while no member is active', async () => {
    await produce(['p1', 'p2', 'p3']);
    const open = await session();
    await store(open);
    const admin = await topics();
    const position = { group: 'ingestor', topic: SOURCE, name: 'grouped' };
    expect(await admin.positions(SOURCE)).toMatchObject([{ ...position, offset: 2, metadata: 'm' }]);
    expect(await admin.groups()).toMatchObject([{ group: 'ingestor', sources: [SOURCE] }]);
    await expect(admin.movePosition(position, 1)).rejects.toMatchObject({ code: 'GROUP_ACTIVE' });
    await expect(admin.deleteGroup('ingestor')).rejects.toMatchObject({ code: 'GROUP_ACTIVE' });
    await open.close();
    await expect(admin.movePosition(position, 9)).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' });
    expect(await admin.movePosition(position, 1)).toMatchObject({ offset: 2 });
    expect(await admin.movePosition({ ...position, name: 'none' }, 1)).toBeUndefined();
    const moved = await session();
    expect(moved.positions.get('grouped')).toEqual({ offset: 1, metadata: '' });
    await moved.close();
    expect(await admin.deletePosition(position)).toMatchObject({ offset: 1 });
    expect(await admin.positions('')).toEqual([]);
    expect(await admin.deleteGroup('ingestor')).toBe(true);
    expect(await admin.deleteGroup('ingestor')).toBe(false);
    expect((await admin.topics('')).map(({ topic }) => topic)).toEqual([SOURCE]);
  });

  it('delete the source and all outputs', async () => {
    await produce(['p1']);
    const open = await session();
    await store(open);
    await open.close();
    const admin = await topics();
    await admin.deleteTopics(SOURCE);
    expect(await admin.topics('')).toEqual([]);
  });
});
