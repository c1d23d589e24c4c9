import { describe, expect, it, jest } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import fc from 'fast-check';
import { HEAD_INTERVAL_MS, type Request, type Response } from '@pulses/broker-wire';
import { settle } from '@pulses/testing-sim';
import { lines, type RecordingClient } from '@pulses/testing-wire-client';
import { startHarness, type Harness } from '../testing/harness';

function fetch(topic: string, fromOffset = 0, creditBytes = 100_000_000, incarnation = ''): Request {
  return { type: 'fetch', topic, incarnation, fromOffset, creditBytes };
}

function publish(harness: Harness, topic: string, ...messages: string[]): Promise<unknown> {
  return harness.log.append({ topic, ...lines(...messages) });
}

/** As if retention had removed the messages before `startOffset`. */
function trim({ log }: Harness, startOffset: number): void {
  const topic = log.topic.bind(log);
  jest.spyOn(log, 'topic').mockImplementation((name) => {
    const info = topic(name);
    return info && { ...info, startOffset };
  });
}

function headsOf(client: RecordingClient, correlation: number): Extract<Response, { type: 'head' }>[] {
  return client.heard.flatMap(({ correlation: id, response }) =>
    id === correlation && response.type === 'head' ? [response] : [],
  );
}

/** Fails when a message comes after a head with an earlier time than the head's clock, or offsets do not follow. */
function checkStream(client: RecordingClient, correlation: number, fromOffset: number): void {
  let next = fromOffset;
  let clockMs = 0;
  // Plain comparisons: there are hundreds of thousands of them.
  for (const { correlation: id, response } of client.heard) {
    if (id !== correlation) continue;
    if (response.type === 'head') {
      if (response.nextOffset !== next) throw new Error(`head at ${response.nextOffset}, ${next} were sent`);
      clockMs = response.clockMs;
    }
    if (response.type !== 'records') continue;
    for (const { baseOffset, timestampMs, recordCount } of response.batches) {
      if (baseOffset !== next) throw new Error(`offset ${baseOffset} where ${next} was due`);
      if (timestampMs < clockMs) throw new Error(`a message of ${timestampMs} after a head of ${clockMs}`);
      next += recordCount;
    }
  }
}

/** They join during one load. */
const READERS = SCALE.sizeOf({ sample: 150, fault: 500 });

describe('a fetch stream', () => {
  it('sends what is stored from the offset on, then a head, then new messages as they come', async () => {
    const harness = await startHarness();
    await publish(harness, 't', 'a', 'b', 'c');
    await publish(harness, 't', 'd');
    const client = await harness.wire();
    const stream = client.send(fetch('t', 1));
    expect(await client.answer(stream, 'fetch-started')).toMatchObject({ startOffset: 0, nextOffset: 4 });
    await client.until(() => headsOf(client, stream).length === 1);
    expect(client.messages(stream)).toEqual(['b', 'c', 'd']);
    await publish(harness, 't', 'e');
    await client.until(() => headsOf(client, stream).length === 2);
    expect(client.messages(stream)).toEqual(['b', 'c', 'd', 'e']);
    checkStream(client, stream, 1);
  });

  it('repeats the head with the moving clock while nothing comes', async () => {
    const harness = await startHarness();
    await publish(harness, 't', 'a');
    const client = await harness.wire();
    const stream = client.send(fetch('t', 1));
    await client.until(() => headsOf(client, stream).length === 1);
    await harness.clock.advance(HEAD_INTERVAL_MS * 3);
    const heads = headsOf(client, stream);
    expect(heads.map((head) => head.nextOffset)).toEqual([1, 1, 1, 1]);
    expect(heads.map((head) => head.clockMs - heads[0]!.clockMs)).toEqual([0, 200, 400, 600]);
  });

  it.each([
    { how: 'keeps to it while a message is sequenced and not yet durable', leaksHeadClock: false },
    { how: 'is seen to break it with a clock that runs ahead of such a message', leaksHeadClock: true },
  ])('promises with a head that no later message is older, and $how', async ({ leaksHeadClock }) => {
    const harness = await startHarness({ leaksHeadClock });
    await publish(harness, 't', 'a');
    const client = await harness.wire();
    const stream = client.send(fetch('t'));
    await client.until(() => headsOf(client, stream).length === 1);
    harness.log.holdDisk();
    void publish(harness, 't', 'sequenced early, visible late');
    await harness.clock.advance(HEAD_INTERVAL_MS * 5);
    expect(headsOf(client, stream)).toHaveLength(6);
    harness.log.releaseDisk();
    await client.until(() => client.messageCount(stream) === 2);
    const check = () => {
      checkStream(client, stream, 0);
    };
    if (leaksHeadClock) expect(check).toThrow();
    else check();
  });

  it('stops when its credit is used up, and resumes with more', async () => {
    const harness = await startHarness();
    const message = 'x'.repeat(99);
    await publish(harness, 't', ...Array.from({ length: 10 }, () => message));
    const client = await harness.wire();
    for (let batch = 0; batch < 4; batch += 1) await publish(harness, 't', message, message);
    const stream = client.send(fetch('t', 10, 250));
    await settle(30);
    // Two messages fit; one more overdraws the credit by 50 bytes.
    expect(client.messages(stream)).toHaveLength(3);
    expect(headsOf(client, stream)).toHaveLength(0);
    client.send({ type: 'credit', bytes: 50 }, stream);
    await settle(30);
    expect(client.messages(stream)).toHaveLength(3);
    client.send({ type: 'credit', bytes: 10_000 }, stream);
    await client.until(() => headsOf(client, stream).length > 0);
    expect(client.messages(stream)).toHaveLength(8);
    checkStream(client, stream, 10);
  });

  it('sends heads without credit', async () => {
    const harness = await startHarness();
    await publish(harness, 't', 'a');
    const client = await harness.wire();
    const stream = client.send(fetch('t', 1, 0));
    await client.until(() => headsOf(client, stream).length === 1);
  });

  it('ends with done after stop-fetch, and sends nothing more', async () => {
    const harness = await startHarness();
    const timers = harness.clock.timerCount;
    await publish(harness, 't', 'a');
    const client = await harness.wire();
    const stream = client.send(fetch('t'));
    await client.until(() => headsOf(client, stream).length === 1);
    client.send({ type: 'stop-fetch' }, stream);
    await client.answer(stream, 'done');
    const heard = client.heard.length;
    await publish(harness, 't', 'b');
    client.send({ type: 'credit', bytes: 10 }, stream);
    client.send({ type: 'stop-fetch' }, stream);
    await harness.clock.advance(1000);
    expect(client.heard).toHaveLength(heard);
    expect(harness.clock.timerCount).toBe(timers);
  });

  it('ends with TOPIC_UNKNOWN when its topic is deleted, also when it is made again', async () => {
    const harness = await startHarness();
    await publish(harness, 't', 'a');
    const client = await harness.wire();
    const stream = client.send(fetch('t'));
    await client.until(() => headsOf(client, stream).length === 1);
    void harness.log.deleteTopics(['t']);
    void publish(harness, 't', 'another life');
    expect(await client.answer(stream, 'error')).toMatchObject({ code: 'TOPIC_UNKNOWN' });
    expect(client.messages(stream)).toEqual(['a']);
  });

  it('ends with TOPIC_UNKNOWN when its topic is deleted while it has no credit', async () => {
    const harness = await startHarness();
    await publish(harness, 't', 'a', 'b');
    const client = await harness.wire();
    const stream = client.send(fetch('t', 0, 1));
    await client.until(() => client.messageCount(stream) > 0);
    await publish(harness, 't', 'c');
    await harness.log.deleteTopics(['t']);
    expect(await client.answer(stream, 'error')).toMatchObject({ code: 'TOPIC_UNKNOWN' });
  });

  it('is refused for what is not there', async () => {
    const harness = await startHarness({ limits: { streamsPerConnectionMax: 1 } });
    await publish(harness, 't', 'a');
    const client = await harness.wire();
    expect(await client.request(fetch('none'))).toMatchObject({ code: 'TOPIC_UNKNOWN' });
    expect(await client.request(fetch('t', 0, 1, 'f'.repeat(32)))).toMatchObject({ code: 'TOPIC_UNKNOWN' });
    expect(await client.request(fetch('t', 2))).toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
      message: 'offset 2 is beyond topic t, which continues at 1',
    });
    client.send(fetch('t'));
    expect(await client.request(fetch('t'))).toMatchObject({ code: 'OVERLOADED' });
  });

  it.each([
    [0, 1, 'offset 0 is no longer kept: topic t begins at 1'],
    [1, 2, 'offset 1 is no longer kept: topic t is empty and continues at 2'],
  ])('is refused for what retention has removed: offset %d of those before %d', async (fromOffset, start, message) => {
    const harness = await startHarness();
    await publish(harness, 't', 'a', 'b');
    trim(harness, start);
    const client = await harness.wire();
    expect(await client.request(fetch('t', fromOffset))).toMatchObject({ code: 'OFFSET_OUT_OF_RANGE', message });
  });

  it.each([
    [3, 'retention removed the offsets 1 to 2 of topic t before they were read: it begins at 3'],
    [4, 'retention removed the offsets 1 to 3 of topic t before they were read: it is empty and continues at 4'],
  ])('ends when retention overtakes it, and says what was removed: all before %d', async (start, message) => {
    const harness = await startHarness();
    for (const text of ['a', 'b', 'c', 'd']) await publish(harness, 't', text);
    const client = await harness.wire();
    const stream = client.send(fetch('t', 0, 1));
    await client.until(() => client.messageCount(stream) > 0);
    trim(harness, start);
    client.send({ type: 'credit', bytes: 100 }, stream);
    expect(await client.answer(stream, 'error')).toMatchObject({ code: 'OFFSET_OUT_OF_RANGE', message });
    expect(client.messages(stream)).toEqual(['a']);
  });

  it('shares a connection fairly with the other streams', async () => {
    const harness = await startHarness({ limits: { readBytesMax: 16 * 1024 } });
    for (const topic of ['big', 'small']) {
      for (let batch = 0; batch < 100; batch += 1) await publish(harness, topic, 'x'.repeat(16_000));
    }
    const client = await harness.wire();
    const big = client.send(fetch('big'));
    await client.until(() => client.messageCount(big) > 0);
    const small = client.send(fetch('small', 98));
    await client.until(() => headsOf(client, small).length > 0);
    expect(client.messageCount(big)).toBeLessThan(100);
    await client.until(() => headsOf(client, big).length > 0);
    expect(client.messages(big)).toHaveLength(100);
  });

  it('does several small reads in one tick of its connection', async () => {
    const topics = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    const turnsWith = async (readsPerReader: number): Promise<number> => {
      const harness = await startHarness({ limits: { readersPerTurn: 1, readsPerReader } });
      const client = await harness.wire();
      for (const topic of topics) await publish(harness, topic, 'first');
      const streams = topics.map((topic) => client.send(fetch(topic)));
      const isUpTo = (offset: number) =>
        streams.every((stream) => headsOf(client, stream).at(-1)?.nextOffset === offset);
      await client.until(() => isUpTo(1));
      let turn = 0;
      const turnsOfReads = new Set<number>();
      const read = harness.log.read.bind(harness.log);
      harness.log.read = (...request) => {
        turnsOfReads.add(turn);
        return read(...request);
      };
      await Promise.all(topics.map((topic) => publish(harness, topic, 'second')));
      for (; !isUpTo(2); turn += 1) await settle(1);
      return turnsOfReads.size;
    };
    expect(await turnsWith(1)).toBeGreaterThanOrEqual(topics.length / 2);
    expect(await turnsWith(topics.length)).toBeLessThanOrEqual(2);
  });

  it('serves every reader while the log always commits, with rests between the ticks', async () => {
    const harness = await startHarness({ limits: { readersPerTurn: 2, readersRestMs: 2 } });
    harness.log.commitWithoutEnd();
    await publish(harness, 't', 'first');
    const clients = await Promise.all(Array.from({ length: 30 }, () => harness.wire()));
    const streams = clients.map((client) => client.send(fetch('t')));
    for (let index = 0; index < 20; index += 1) await publish(harness, 't', `message ${index}`);
    const isDone = () =>
      clients.every((client, index) => headsOf(client, streams[index] ?? 0).at(-1)?.nextOffset === 21);
    let rests = 0;
    for (; !isDone(); rests += 1) await harness.clock.advance(2);
    expect(rests).toBeGreaterThan(3);
    for (const [index, client] of clients.entries()) checkStream(client, streams[index] ?? 0, 0);
  });

  it('costs one read and what the socket holds when the client does not read, and slows no other client', async () => {
    let slowReaders = 0;
    const harness = await startHarness({ observer: { slowReader: () => (slowReaders += 1) } });
    for (let batch = 0; batch < 100; batch += 1) await publish(harness, 't', 'x'.repeat(99_999));
    const stalled = await harness.wire();
    stalled.socket.pause();
    const stalledStream = stalled.send(fetch('t'));
    await settle(200);
    expect(harness.log.bytesRead).toBeLessThan(1_000_000);
    await harness.clock.advance(60_000);
    expect([harness.log.bytesRead < 1_000_000, slowReaders]).toEqual([true, 1]);
    const other = await harness.wire();
    const otherStream = other.send(fetch('t'));
    await other.until(() => headsOf(other, otherStream).length > 0);
    stalled.socket.resume();
    await stalled.until(() => headsOf(stalled, stalledStream).length > 0);
    checkStream(stalled, stalledStream, 0);
    expect(stalled.messages(stalledStream)).toHaveLength(100);
  });

  it(`gives ${READERS} readers that join during a load, and while a replay is under way, everything once and in order`, async () => {
    const harness = await startHarness({ limits: { readBytesMax: 16 * 1024 } });
    const sent: string[] = [];
    const publishSome = (...messages: string[]): Promise<unknown> => {
      sent.push(...messages);
      return publish(harness, 't', ...messages);
    };
    // A read takes one of them, so a replay takes several.
    for (let batch = 0; batch < 4; batch += 1) await publishSome(`stored ${batch} ${'x'.repeat(20_000)}`);
    const readers: { client: RecordingClient; stream: number }[] = [];
    let reads = 0;
    let duringReads = 0;
    const read = harness.log.read.bind(harness.log);
    harness.log.read = async (topic, incarnation, fromOffset, bytesMax) => {
      const found = await read(topic, incarnation, fromOffset, bytesMax);
      reads += 1;
      // Between what a read has found and its arrival, as with a disk; also when it is the last one of a replay.
      if (reads % 10 === 0 && duringReads < readers.length / 2) {
        duringReads += 1;
        await publishSome(`during read ${reads}`);
      }
      return found;
    };
    for (let joined = 0; joined < READERS; joined += 1) {
      const client = await harness.wire();
      readers.push({ client, stream: client.send(fetch('t')) });
      if (joined % 5 === 0) void publishSome(`m${sent.length}`, `m${sent.length + 1}`);
      await settle(1);
    }
    for (const { client, stream } of readers) {
      await client.until(() => {
        const last = client.heard.at(-1)?.response;
        return last?.type === 'head' && last.nextOffset === sent.length;
      });
      checkStream(client, stream, 0);
      expect(client.messages(stream)).toEqual(sent);
    }
    expect(duringReads).toBeGreaterThan(READERS / 5);
  });

  it('is gapless however the bytes are chopped and the reader dawdles', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          seed: fc.integer(),
          chunkBytesMax: fc.integer({ min: 1, max: 3000 }),
          creditBytes: fc.integer({ min: 1, max: 500 }),
          batches: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 30 }),
          pauses: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 30, maxLength: 30 }),
        }),
        async ({ seed, chunkBytesMax, creditBytes, batches, pauses }) => {
          const harness = await startHarness({ seed, plan: () => ({ chunkBytesMax }) });
          await harness.log.createTopic('t');
          const client = await harness.wire();
          const stream = client.send(fetch('t', 0, creditBytes));
          const sent: string[] = [];
          for (const [index, count] of batches.entries()) {
            const messages = Array.from({ length: count }, (_, message) => `batch ${index} message ${message}`);
            sent.push(...messages);
            void publish(harness, 't', ...messages);
            if (pauses[index] === 1) client.socket.pause();
            if (pauses[index] === 2) client.socket.resume();
            await settle(pauses[index]);
            client.send({ type: 'credit', bytes: 400 }, stream);
          }
          client.socket.resume();
          client.send({ type: 'credit', bytes: 1_000_000 }, stream);
          await client.until(() => client.messageCount(stream) >= sent.length);
          checkStream(client, stream, 0);
          expect(client.messages(stream)).toEqual(sent);
        },
      ),
      { numRuns: SCALE.sizeOf({ sample: 20, fault: 60 }) },
    );
  });
});
