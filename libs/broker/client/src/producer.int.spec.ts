import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { isPulsesError } from '@pulses/shared-errors';
import { nodeClock, nodeNetwork, nodeRandom } from '@pulses/shared-node-platform';
import { connectBroker, type BrokerClient } from './broker-client';
import { Producer } from './producer';
import { startTestBroker, type TestBroker } from '@pulses/testing-processes';

describe('the producer', () => {
  let broker: TestBroker;
  let clients: BrokerClient[];

  const connect = async (): Promise<BrokerClient> => {
    const client = await connectBroker({
      network: nodeNetwork,
      clock: nodeClock,
      host: '127.0.0.1',
      port: broker.port,
      clientName: 'test',
    });
    clients.push(client);
    return client;
  };
  const producerOf = (topic: string): Producer =>
    new Producer({ connect, topic, clock: nodeClock, random: nodeRandom });

  async function stored(topic: string): Promise<string[]> {
    const client = await connect();
    const stream = client.fetch(topic, '', 0, 1 << 20);
    const parts: Uint8Array[] = [];
    for (let event = await stream.next(); event.kind === 'records'; event = await stream.next())
      parts.push(event.batch.payload);
    client.close();
    return Buffer.concat(parts).toString().split('\n').slice(0, -1);
  }

  beforeEach(async () => {
    clients = [];
    broker = await startTestBroker();
  });
  afterEach(async () => {
    for (const client of clients) client.close();
    await broker.stop();
  });

  it('stores what it sends in order', async () => {
    const producer = producerOf('t');
    await Promise.all(Array.from({ length: 200 }, (_, index) => producer.send(Buffer.from(`m${index}\n`), 1)));
    await producer.close();
    expect(await stored('t')).toEqual(Array.from({ length: 200 }, (_, index) => `m${index}`));
  });

  it('stores each batch once, in order, while connections break under it', async () => {
    const producer = producerOf('t');
    const acknowledged: Promise<void>[] = [];
    for (let index = 0; index < 600; index += 1) {
      await producer.ready();
      acknowledged.push(producer.send(Buffer.from(`m${index}\n`), 1));
      // Between any two answers, while the pipeline is full.
      if (index % 37 === 0) clients.at(-1)?.close();
    }
    await Promise.all(acknowledged);
    await producer.close();
    expect(await stored('t')).toEqual(Array.from({ length: 600 }, (_, index) => `m${index}`));
  });

  it('stores each batch once, in order, while the broker is killed', async () => {
    const producer = producerOf('t');
    const acknowledged: Promise<void>[] = [];
    for (let round = 0; round < 3; round += 1) {
      for (let index = 0; index < 30; index += 1)
        acknowledged.push(producer.send(Buffer.from(`r${round} m${index}\n`), 1));
      await broker.crash();
    }
    await Promise.all(acknowledged);
    await producer.close();
    const expected = [0, 1, 2].flatMap((round) => Array.from({ length: 30 }, (_, index) => `r${round} m${index}`));
    expect(await stored('t')).toEqual(expected);
  });

  it('reports a failure that is not retriable', async () => {
    const producer = producerOf('t');
    const failure = await producer.send(Buffer.from('two\nmessages\n'), 1).catch((error: unknown) => error);
    expect(isPulsesError(failure, 'PROTOCOL_VIOLATION')).toBe(true);
    await expect(producer.send(Buffer.from('x\n'), 1)).rejects.toBe(failure);
    await producer.close();
  });

  it('waits for a broker that does not run yet, until it is aborted', async () => {
    await broker.stop();
    const producer = producerOf('t');
    const sent = producer.send(Buffer.from('x\n'), 1).catch((error: unknown) => error);
    producer.abort();
    expect(isPulsesError(await sent, 'CONNECTION_LOST')).toBe(true);
    broker = await startTestBroker();
  });
});
