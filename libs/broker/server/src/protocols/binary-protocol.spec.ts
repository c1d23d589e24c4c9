import { describe, expect, it, jest } from '@jest/globals';
import {
  columnsOf,
  encodeRequest,
  FRAME_BYTES_MAX,
  payloadOf,
  PROTOCOL_VERSION,
  SCAN_START,
  type Request,
} from '@pulses/broker-wire';
import { PulsesError } from '@pulses/shared-errors';
import { settle } from '@pulses/testing-sim';
import { lines, produce } from '@pulses/testing-wire-client';
import { startHarness } from '../testing/harness';

const listAll: Request = { type: 'list-topics', prefix: '', after: '', limit: 100 };

/** The example of its document. */
const HELLO_OF_VERSION_1 = Buffer.from(
  '230000009bb49a50010000000100000001000b006578616d706c652f312e300600733363726574',
  'hex',
);

function bytesOf(correlation: number, request: Request): Buffer {
  return Buffer.concat(encodeRequest(correlation, request));
}

function produceBy(id: string, sequence: number): Request {
  const request = { ...produce('t', 0, 'a'), producer: { id: id.repeat(32), epoch: 0, sequence } };
  return request;
}

describe('a connection of the binary protocol', () => {
  it('answers each kind of request', async () => {
    const harness = await startHarness();
    const client = await harness.wire();
    expect(client.heard[0]?.response).toEqual({
      type: 'hello-ok',
      protocolVersion: PROTOCOL_VERSION,
      server: 'broker under test',
      frameBytesMax: FRAME_BYTES_MAX,
      messageBytesMax: 4 * 1024 * 1024,
    });
    const created = await client.request({ type: 'create-topic', topic: 'source' });
    if (created.type !== 'topic') throw new Error('no topic');
    const { incarnation } = created.topic;
    expect(await client.request(produce('source', 0, 'a', 'b'))).toMatchObject({ type: 'produced', baseOffset: 0 });
    expect(await client.request(produce('source', 0, 'a', 'b'))).toMatchObject({ baseOffset: 0, duplicate: true });
    const joined = await client.request({ type: 'join-group', group: 'g', member: 'm', leaseMs: 1000 });
    expect(joined).toEqual({ type: 'group-joined', groupEpoch: 1 });
    expect(await client.request({ type: 'heartbeat', group: 'g', groupEpoch: 1 })).toEqual({ type: 'done' });
    const committed = await client.request({
      type: 'commit',
      group: 'g',
      groupEpoch: 1,
      topic: 'source',
      incarnation,
      positions: [{ name: 'grouped', expectedRevision: 0, offset: 2, metadata: 'm' }],
      ...columnsOf([{ topic: 'out', ...lines('x') }]),
    });
    expect(committed).toMatchObject({ type: 'committed' });
    expect(await client.request({ type: 'read-positions', group: 'g', topic: '' })).toMatchObject({
      positions: [{ group: 'g', topic: 'source', incarnation, name: 'grouped', offset: 2, revision: 1, metadata: 'm' }],
    });
    expect(await client.request({ type: 'scan', like: 'source', from: SCAN_START })).toMatchObject({
      type: 'scanned',
      baseOffsets: [0, 0],
      counts: Uint32Array.of(2, 1),
      more: false,
      ...payloadOf(Buffer.from('a\nb\nx\n')),
    });
    expect(await client.request(listAll)).toMatchObject({
      topics: [{ topic: 'out' }, { topic: 'source' }],
      more: false,
    });
    expect(await client.request({ type: 'leave-group', group: 'g', groupEpoch: 1 })).toEqual({ type: 'done' });
    expect(await client.request({ type: 'delete-topics', topics: ['out', 'none'] })).toEqual({ type: 'done' });
    expect(await client.request(listAll)).toMatchObject({ topics: [{ topic: 'source' }] });
    expect(await client.request({ type: 'ping' })).toEqual({ type: 'pong', clockMs: harness.clock.nowMs() });
  });

  it('starts no producer once others were forgotten: the client has to connect again', async () => {
    const harness = await startHarness();
    const [client, stopped] = [await harness.wire(), await harness.wire()];
    const first = { ...produce('t', 0, 'a'), producer: { id: 'a'.repeat(32), epoch: 0, sequence: 0 } };
    await client.request(first);
    await harness.clock.advance(1_000);
    expect(await harness.log.expireProducers(1_000)).toBe(1);
    // As if its first request had been on its way all the time.
    expect(await stopped.request(first)).toMatchObject({ type: 'error', code: 'CONNECTION_LOST' });
    expect(harness.log.topic('t')?.nextOffset).toBe(1);
    const fresh = await harness.wire();
    const other = { ...first, producer: { ...first.producer, id: 'b'.repeat(32) } };
    expect(await fresh.request(other)).toMatchObject({ type: 'produced', duplicate: false });
  });

  it('refuses a producer too many, counts no connection for it, and logs it at a bounded rate', async () => {
    let refused = 0;
    const observer = { connectionRefused: () => (refused += 1) };
    const harness = await startHarness({ producersMax: 1, observer });
    const client = await harness.wire();
    await client.request(produceBy('a', 0));
    const codes = ['b', 'c', 'd'].map((id) => client.request(produceBy(id, 0)));
    expect(await Promise.all(codes)).toMatchObject(Array.from(codes, () => ({ type: 'error', code: 'OVERLOADED' })));
    expect(await client.request(produceBy('a', 1))).toMatchObject({ type: 'produced' });
    const message = 'producer rejected: limit of 1 producers reached';
    expect(harness.events).toEqual([{ level: 'warn', fields: { topic: 't' }, message }]);
    await harness.clock.advance(10_000);
    expect(harness.events[1]).toEqual({ level: 'warn', fields: { topic: 't', more: 2 }, message });
    expect(refused).toBe(0);
  });

  it('blames the limit of producers for no other refusal', async () => {
    const harness = await startHarness({ producersMax: 2 });
    const client = await harness.wire();
    await client.request(produceBy('a', 0));
    harness.log.refuseWith(new PulsesError('OVERLOADED'));
    expect(await client.request(produceBy('b', 0))).toMatchObject({ code: 'OVERLOADED' });
    expect(harness.events).toEqual([]);
  });

  it('gives the memory of a large request back once it is answered, and not before', async () => {
    const harness = await startHarness();
    const client = await harness.wire();
    const append = jest.spyOn(harness.log, 'append');
    harness.log.holdDisk();
    const answer = client.request(produce('source', 0, 'a'.repeat(200_000)));
    await settle();
    const payload = append.mock.calls[0]?.[0].payload;
    expect(payload?.length).toBe(200_001);
    harness.log.releaseDisk();
    expect(await answer).toMatchObject({ type: 'produced', baseOffset: 0 });
    expect(payload?.length).toBe(0);
    expect(
      await harness.log.read('source', harness.log.topic('source')?.incarnation ?? '', 0, 1_000_000),
    ).toMatchObject([{ payload: Buffer.from(`${'a'.repeat(200_000)}\n`) }]);
  });

  it('lets requests take effect in the order sent, also those that look at what is stored', async () => {
    const harness = await startHarness();
    const client = await harness.wire();
    harness.log.holdDisk();
    client.send({ type: 'create-topic', topic: 'a' });
    const first = client.send(listAll);
    client.send({ type: 'create-topic', topic: 'b' });
    const second = client.send(listAll);
    client.send({ type: 'delete-topics', topics: ['a', 'b'] });
    const third = client.send(listAll);
    await settle(20);
    expect(client.heard).toHaveLength(1);
    harness.log.releaseDisk();
    const namesOf = async (correlation: number) =>
      (await client.answer(correlation, 'topics')).topics.map(({ topic }) => topic);
    expect(await namesOf(first)).toEqual(['a']);
    expect(await namesOf(second)).toEqual(['a', 'b']);
    expect(await namesOf(third)).toEqual([]);
  });

  it('stores produce requests in the order sent while earlier ones wait for the disk', async () => {
    const harness = await startHarness();
    const client = await harness.wire();
    const sent = Array.from({ length: 50 }, (_, index) => client.send(produce('t', index, `m${index}`)));
    const offsets = await Promise.all(sent.map(async (id) => (await client.answer(id, 'produced')).baseOffset));
    expect(offsets).toEqual(sent.map((_, index) => index));
  });

  it('answers a failed request with its code, and continues', async () => {
    const harness = await startHarness();
    const client = await harness.wire();
    harness.log.refuseWith(new PulsesError('STORAGE_FULL', 'no room'));
    expect(await client.request(produce('t', 0, 'a'))).toEqual({
      type: 'error',
      code: 'STORAGE_FULL',
      message: 'no room',
    });
    harness.log.refuseWith(undefined);
    expect(await client.request(produce('t', 0, 'a'))).toMatchObject({ type: 'produced', duplicate: false });
    const foreign = { type: 'heartbeat', group: 'g', groupEpoch: 7 } as const;
    expect(await client.request(foreign)).toMatchObject({ type: 'error', code: 'FENCED' });
    expect(await client.request({ ...produce('t', 1, 'a'), topic: 'a\u0000b' } as Request)).toMatchObject({
      code: 'TOPIC_INVALID',
    });
    expect(await client.request({ type: 'ping' })).toMatchObject({ type: 'pong' });
  });

  it('fences commits of every member but the active one', async () => {
    const harness = await startHarness();
    const [a, b] = [await harness.wire(), await harness.wire()];
    const { incarnation } = await harness.log.createTopic('s');
    const commit = (groupEpoch: number): Request => ({
      type: 'commit',
      group: 'g',
      groupEpoch,
      topic: 's',
      incarnation,
      positions: [],
      ...columnsOf([{ topic: 'out', ...lines('x') }]),
    });
    expect(await a.request(commit(0))).toMatchObject({ code: 'FENCED' });
    await a.request({ type: 'join-group', group: 'g', member: 'a', leaseMs: 1000 });
    const waiting = b.send({ type: 'join-group', group: 'g', member: 'b', leaseMs: 1000 });
    expect(await a.request(commit(1))).toMatchObject({ type: 'committed' });
    await harness.clock.advance(1000);
    expect(await b.answer(waiting, 'group-joined')).toMatchObject({ groupEpoch: 2 });
    expect(await a.request(commit(1))).toMatchObject({ code: 'FENCED' });
    expect(await a.request({ type: 'heartbeat', group: 'g', groupEpoch: 1 })).toMatchObject({ code: 'FENCED' });
    expect(await b.request(commit(2))).toMatchObject({ type: 'committed' });
    expect(harness.log.topic('out')?.nextOffset).toBe(2);
  });

  it.each(['end', 'destroy'] as const)('hands the group on when the active member is gone (%s)', async (how) => {
    const harness = await startHarness();
    const [a, b] = [await harness.wire(), await harness.wire()];
    await a.request({ type: 'join-group', group: 'g', member: 'a', leaseMs: 60_000 });
    const waiting = b.send({ type: 'join-group', group: 'g', member: 'b', leaseMs: 60_000 });
    a.socket[how]();
    expect(await b.answer(waiting, 'group-joined')).toMatchObject({ groupEpoch: 2 });
  });

  it('shows a new member every commit that was accepted before', async () => {
    const harness = await startHarness();
    const [a, b] = [await harness.wire(), await harness.wire()];
    const created = await a.request({ type: 'create-topic', topic: 's' });
    if (created.type !== 'topic') throw new Error('no topic');
    await a.request({ type: 'join-group', group: 'g', member: 'a', leaseMs: 60_000 });
    const waiting = b.send({ type: 'join-group', group: 'g', member: 'b', leaseMs: 60_000 });
    harness.log.holdDisk();
    a.send({
      type: 'commit',
      group: 'g',
      groupEpoch: 1,
      topic: 's',
      incarnation: created.topic.incarnation,
      positions: [{ name: 'p', expectedRevision: 0, offset: 1, metadata: '' }],
      ...columnsOf([{ topic: 's', ...lines('x') }]),
    });
    await settle();
    a.socket.destroy();
    await settle();
    harness.log.releaseDisk();
    await b.answer(waiting, 'group-joined');
    expect(await b.request({ type: 'read-positions', group: 'g', topic: 's' })).toMatchObject({
      positions: [{ offset: 1 }],
    });
  });

  it.each<[string, Buffer]>([
    [
      'a wrong checksum',
      Buffer.concat([
        bytesOf(9, { type: 'ping' }).subarray(0, 4),
        Buffer.from('BAD!'),
        bytesOf(9, { type: 'ping' }).subarray(8),
      ]),
    ],
    ['an absurd length', Buffer.from('ffffffff00000000', 'hex')],
    ['a length of nothing', Buffer.from('0000000000000000', 'hex')],
    ['text', Buffer.from('GET / HTTP/1.1\r\nHost: nobody\r\n\r\n')],
  ])('answers %s with an error under id 0 and ends that connection alone', async (_, bytes) => {
    const harness = await startHarness();
    const [bad, good] = [await harness.wire(), await harness.wire()];
    bad.sendBytes(bytes);
    expect((await bad.answer(0, 'error')).code).toMatch(/^(PROTOCOL_VIOLATION|MESSAGE_TOO_LARGE)$/);
    await bad.until(() => bad.hasEnded);
    expect(await good.request({ type: 'ping' })).toMatchObject({ type: 'pong' });
  });

  it('tells a client of version 1, in the bytes of that version, that it is too old', async () => {
    const harness = await startHarness();
    const old = await harness.wire({ greets: false });
    old.sendBytes(HELLO_OF_VERSION_1);
    expect(await old.answer(1, 'error')).toMatchObject({
      code: 'VERSION_UNSUPPORTED',
      message: 'version 1 of the protocol was asked for, 2 is spoken here: the client is older than this broker',
    });
    await old.until(() => old.hasEnded);
  });

  it('refuses an unknown version, a second hello, and requests before the hello', async () => {
    const harness = await startHarness();
    const old = await harness.wire({ greets: false });
    const hello = old.send({ type: 'hello', protocolVersion: PROTOCOL_VERSION + 1, client: 'c', token: '' });
    expect(await old.answer(hello, 'error')).toMatchObject({
      code: 'VERSION_UNSUPPORTED',
      message: expect.stringContaining('the client is newer than this broker'),
    });
    await old.until(() => old.hasEnded);

    const twice = await harness.wire();
    const second = twice.send({ type: 'hello', protocolVersion: PROTOCOL_VERSION, client: 'c', token: '' });
    expect(await twice.answer(second, 'error')).toMatchObject({ code: 'PROTOCOL_VIOLATION' });
    await twice.until(() => twice.hasEnded);

    const hasty = await harness.wire({ greets: false });
    const ping = hasty.send({ type: 'ping' });
    expect(await hasty.answer(ping, 'error')).toMatchObject({ code: 'PROTOCOL_VIOLATION' });
    await hasty.until(() => hasty.hasEnded);
  });

  it('refuses a second fetch under one correlation id, whose answers could not be told apart', async () => {
    const harness = await startHarness();
    const client = await harness.wire();
    await client.request(produce('t', 0, 'a'));
    const fetch = { type: 'fetch', topic: 't', incarnation: '', fromOffset: 0, creditBytes: 1_000 } as const;
    const correlation = client.send(fetch);
    await client.answer(correlation, 'head');
    client.send(fetch, correlation);
    expect(await client.answer(0, 'error')).toMatchObject({ code: 'PROTOCOL_VIOLATION' });
    await client.until(() => client.hasEnded);
  });

  it('drops a client that does not complete a frame in time, however busily it drips', async () => {
    const harness = await startHarness();
    const client = await harness.wire();
    const frame = bytesOf(5, produce('t', 0, 'a message of some length'));
    for (const byte of frame.subarray(0, 31)) {
      client.sendBytes(Uint8Array.of(byte));
      await harness.clock.advance(1000);
    }
    expect(await client.answer(0, 'error')).toMatchObject({ code: 'PROTOCOL_VIOLATION' });
    await client.until(() => client.hasEnded);
    expect(harness.log.topic('t')).toBeUndefined();
  });

  it('gives back the memory of an unfinished frame as soon as its client has gone', async () => {
    const harness = await startHarness();
    const client = await harness.wire();
    const frame = bytesOf(1, produce('source', 0, 'a'.repeat(1_000_000)));
    client.sendBytes(frame.subarray(0, frame.length - 1));
    await settle(500);
    const before = process.memoryUsage().arrayBuffers;
    client.socket.destroy();
    await client.closed();
    await settle(500);
    expect(before - process.memoryUsage().arrayBuffers).toBeGreaterThan(500_000);
  });

  it('does not hold the time against a client in which the server itself did not read', async () => {
    const harness = await startHarness({ limits: { requestsMax: 1 } });
    const client = await harness.wire();
    harness.log.holdDisk();
    const first = client.send(produce('t', 0, 'a'));
    await settle();
    const second = bytesOf(77, produce('t', 1, 'b'));
    client.sendBytes(second.subarray(0, 20));
    await harness.clock.advance(120_000);
    harness.log.releaseDisk();
    await client.answer(first, 'produced');
    await harness.clock.advance(29_000);
    client.sendBytes(second.subarray(20));
    expect(await client.answer(77, 'produced')).toMatchObject({ baseOffset: 1 });
  });

  it('stops reading while too much waits for the disk, and loses nothing', async () => {
    const harness = await startHarness({ limits: { connectionInputBytesMax: 100_000 } });
    const client = await harness.wire();
    harness.log.holdDisk();
    const message = 'x'.repeat(20_000);
    const ids = Array.from({ length: 200 }, (_, index) => client.send(produce('t', index, message)));
    await settle(500);
    expect(harness.log.pendingCount).toBeLessThan(20);
    expect(client.socket.bufferedBytes).toBeGreaterThan(1_000_000);
    harness.log.releaseDisk();
    for (const id of ids) await client.answer(id, 'produced');
    expect(harness.log.topic('t')?.nextOffset).toBe(200);
  });

  it('does not let answers pile up for a client that does not read them', async () => {
    const harness = await startHarness();
    const topics = Array.from({ length: 1000 }, (_, index) => `topic-${'n'.repeat(200)}-${index}`);
    for (const topic of topics) void harness.log.createTopic(topic);
    await settle();
    const client = await harness.wire();
    client.socket.pause();
    let listings = 0;
    const spied = harness.log.topics.bind(harness.log);
    harness.log.topics = (query) => {
      listings += 1;
      return spied(query);
    };
    const ids = Array.from({ length: 100 }, () =>
      client.send({ type: 'list-topics', prefix: '', after: '', limit: 1000 }),
    );
    await settle(200);
    expect(listings).toBeLessThan(10);
    client.socket.resume();
    for (const id of ids) await client.answer(id, 'topics');
    expect(listings).toBe(100);
  });

  it('ends a connection whose request fails with an unexpected error, and logs it', async () => {
    const harness = await startHarness();
    const [client, other] = [await harness.wire(), await harness.wire()];
    harness.log.createTopic = () => Promise.reject(new Error('a bug'));
    client.send({ type: 'create-topic', topic: 't' });
    await client.until(() => client.hasEnded || client.isClosed);
    expect(harness.events).toContainEqual(expect.objectContaining({ level: 'error' }));
    expect(await other.request({ type: 'ping' })).toMatchObject({ type: 'pong' });
  });
});
