import { describe, expect, it } from '@jest/globals';
import { PRODUCER_RESULTS_KEPT } from '@pulses/broker-wire';
import { PulsesError } from '@pulses/shared-errors';
import { createSimClock, createSimRandom, settle } from '@pulses/testing-sim';
import type { BrokerClient } from './broker-client';
import { Producer, type ProducerOptions } from './producer';

type Answer = Awaited<ReturnType<BrokerClient['produce']>>;

/** A connection whose answers the test gives. */
class FakeClient implements Pick<BrokerClient, 'produce' | 'retireProducer' | 'close'> {
  readonly produced: { readonly sequence: number; readonly answer: PromiseWithResolvers<Answer> }[] = [];
  isClosed = false;

  produce({ sequence }: { readonly sequence: number }): Promise<Answer> {
    const answer = Promise.withResolvers<Answer>();
    this.produced.push({ sequence, answer });
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
  const producer = new Producer({
    connect: () => {
      const client = new FakeClient();
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
  return { producer, clients, clock, send };
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
    const client = new FakeClient();
    late.resolve(client as unknown as BrokerClient);
    await settle();
    expect(client.isClosed).toBe(true);
    expect(client.sequences).toEqual([]);
  });

  it('takes nothing after it was closed, also when it was never connected', async () => {
    const { producer, clients } = createProducer();
    await producer.close();
    await expect(producer.send(payload, 1)).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    expect(clients).toEqual([]);
  });
});
