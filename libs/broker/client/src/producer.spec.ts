import { describe, expect, it } from '@jest/globals';
import { PRODUCER_KEPT_MS, PRODUCER_RESULTS_KEPT } from '@pulses/broker-wire';
import { PulsesError } from '@pulses/shared-errors';
import { createSimClock, createSimRandom, settle } from '@pulses/testing-sim';
import type { BrokerClient } from './broker-client';
import { Producer, type ProducerOptions } from './producer';

type Answer = Awaited<ReturnType<BrokerClient['produce']>>;

/** A connection whose answers the test gives. */
class FakeClient implements Pick<BrokerClient, 'produce' | 'retireProducer' | 'ping' | 'close'> {
  readonly produced: {
    readonly id: string;
    readonly sequence: number;
    readonly answer: PromiseWithResolvers<Answer>;
  }[] = [];
  isClosed = false;

  constructor(private readonly logClockMs: () => number) {}

  ping(): Promise<number> {
    return Promise.resolve(this.logClockMs());
  }

  produce({ id, sequence }: { readonly id: string; readonly sequence: number }): Promise<Answer> {
    const answer = Promise.withResolvers<Answer>();
    this.produced.push({ id, sequence, answer });
    return answer.promise;
  }

  retireProducer(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.isClosed = true;
    for (const { answer } of this.produced) answer.reject(new PulsesError('CONNECTION_LOST'));
  }

  get sequences(): number[] {
    return this.produced.map(({ sequence }) => sequence);
  }

  store(index: number): void {
    this.produced[index]?.answer.resolve({ type: 'produced', baseOffset: 0, timestampMs: 0 } as Answer);
  }
}

const payload = Buffer.from('x\n');

function createProducer(options: Partial<ProducerOptions> = {}) {
  const clients: FakeClient[] = [];
  const clock = createSimClock();
  const logClock = { ms: 5_000 };
  const producer = new Producer({
    connect: () => {
      const client = new FakeClient(() => logClock.ms);
      clients.push(client);
      return Promise.resolve(client as unknown as BrokerClient);
    },
    topic: 't',
    clock,
    random: createSimRandom(1),
    ...options,
  });
  const send = (count: number) => {
    for (let sent = 0; sent < count; sent += 1) producer.send(payload, 1).catch(() => undefined);
  };
  return { producer, clients, clock, logClock, send };
}

describe('a producer', () => {
  it('refuses to have more batches in flight than the broker remembers', () => {
    expect(() => createProducer({ inFlightMax: PRODUCER_RESULTS_KEPT + 1 })).toThrow(TypeError);
    expect(() => createProducer({ inFlightMax: PRODUCER_RESULTS_KEPT })).not.toThrow();
  });

  it('keeps to its limit of batches in flight, and sends the next one for each that is stored', async () => {
    const { clients, send } = createProducer({ inFlightMax: 3 });
    send(5);
    await settle();
    expect(clients[0]?.sequences).toEqual([0, 1, 2]);
    clients[0]?.store(0);
    await settle();
    expect(clients[0]?.sequences).toEqual([0, 1, 2, 3]);
  });

  it('is ready once fewer batches wait than its limit', async () => {
    const { producer, clients, send } = createProducer({ inFlightMax: 2 });
    send(2);
    let isReady = false;
    void producer.ready().then(() => (isReady = true));
    await settle();
    expect(isReady).toBe(false);
    clients[0]?.store(0);
    await settle();
    expect(isReady).toBe(true);
  });

  it('repeats what is not acknowledged over a new connection, under the same sequence numbers', async () => {
    const { clients, clock, send } = createProducer();
    send(3);
    await settle();
    clients[0]?.store(0);
    await settle();
    clients[0]?.close();
    await clock.advance(10_000);
    expect(clients).toHaveLength(2);
    expect(clients[1]?.sequences).toEqual([1, 2]);
  });

  it('closes a connection that comes after it was aborted', async () => {
    const late = Promise.withResolvers<BrokerClient>();
    const { producer } = createProducer({ connect: () => late.promise });
    const sent = producer.send(payload, 1);
    producer.abort();
    await expect(sent).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    const client = new FakeClient(() => 0);
    late.resolve(client as unknown as BrokerClient);
    await settle();
    expect(client.isClosed).toBe(true);
    expect(client.sequences).toEqual([]);
  });

  it('has something under way while it is connected, and while a batch that it sent has no answer', async () => {
    const [first, second] = [Promise.withResolvers<BrokerClient>(), Promise.withResolvers<BrokerClient>()];
    let asked = 0;
    const { producer, clock, send } = createProducer({
      connect: () => (asked++ === 0 ? first : second).promise,
    });
    send(1);
    await settle();
    expect([asked, producer.isUnderWay]).toEqual([1, false]);
    const client = new FakeClient(() => 0);
    first.resolve(client as unknown as BrokerClient);
    await settle();
    expect([client.sequences, producer.isUnderWay]).toEqual([[0], true]);
    client.close();
    await clock.advance(10_000);
    expect([asked, producer.isUnderWay]).toEqual([2, true]);
    producer.abort();
    expect(producer.isUnderWay).toBe(false);
  });

  it('has a connection under way when all is stored', async () => {
    const { producer, clients, send } = createProducer();
    send(1);
    await settle();
    clients[0]?.store(0);
    await settle();
    expect(producer.isUnderWay).toBe(true);
  });

  it.each([
    ['repeats its first batch while the broker remembers it for certain', PRODUCER_KEPT_MS - 1, [0, 1]],
    ['sends its first batch no more once the broker may have forgotten it', PRODUCER_KEPT_MS, undefined],
  ])('%s', async (_, passedMs, repeated) => {
    const { producer, clients, clock, logClock, send } = createProducer();
    send(2);
    await settle();
    expect(clients[0]?.sequences).toEqual([0, 1]);
    clients[0]?.close();
    logClock.ms += passedMs;
    await clock.advance(10_000);
    if (repeated !== undefined) expect(clients[1]?.sequences).toEqual(repeated);
    else {
      expect(clients[1]).toMatchObject({ sequences: [], isClosed: true });
      await expect(producer.send(payload, 1)).rejects.toMatchObject({ code: 'PRODUCER_EXPIRED' });
    }
  });

  it('counts from the earlier clock when that of the broker was set back', async () => {
    const { producer, clients, clock, logClock, send } = createProducer();
    send(1);
    await settle();
    clients[0]?.close();
    logClock.ms -= 2_000;
    await clock.advance(10_000);
    clients[1]?.close();
    logClock.ms += PRODUCER_KEPT_MS;
    await clock.advance(10_000);
    expect(clients[2]?.sequences).toEqual([]);
    await expect(producer.send(payload, 1)).rejects.toMatchObject({ code: 'PRODUCER_EXPIRED' });
  });

  it('repeats a later batch however long it takes', async () => {
    const { clients, clock, logClock, send } = createProducer();
    send(2);
    await settle();
    clients[0]?.store(0);
    await settle();
    clients[0]?.close();
    logClock.ms += 2 * PRODUCER_KEPT_MS;
    await clock.advance(10_000);
    expect(clients[1]?.sequences).toEqual([1]);
  });

  it('goes on under a new id after a long time without a batch', async () => {
    const { clients, clock, send } = createProducer();
    send(1);
    await settle();
    clients[0]?.store(0);
    await clock.advance(PRODUCER_KEPT_MS / 2 - 1);
    send(1);
    await settle();
    clients[0]?.store(1);
    await settle();
    await clock.advance(PRODUCER_KEPT_MS / 2);
    send(2);
    await settle();
    expect([clients[0]?.sequences, clients[0]?.isClosed, clients[1]?.sequences]).toEqual([[0, 1], true, [0, 1]]);
    expect(clients[1]?.produced[0]?.id).not.toBe(clients[0]?.produced[0]?.id);
  });

  it('takes nothing after it was closed, also when it was never connected', async () => {
    const { producer, clients } = createProducer();
    await producer.close();
    await expect(producer.send(payload, 1)).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    expect(clients).toEqual([]);
  });
});
