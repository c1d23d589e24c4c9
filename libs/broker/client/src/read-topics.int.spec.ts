import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { payloadOf } from '@pulses/broker-wire';
import { nodeClock, nodeNetwork } from '@pulses/shared-node-platform';
import { startTestBroker, type TestBroker } from '@pulses/testing-processes';
import { connectBroker, type BrokerClient } from './broker-client';
import { readTopics } from './read-topics';

const ROUNDS = 40;

describe('topics of a broker in stored order', () => {
  let broker: TestBroker;
  let client: BrokerClient;

  beforeEach(async () => {
    broker = await startTestBroker();
    const { port } = broker;
    client = await connectBroker({
      network: nodeNetwork,
      clock: nodeClock,
      host: '127.0.0.1',
      port,
      clientName: 'test',
    });
  });
  afterEach(async () => {
    client.close();
    await broker.stop();
  });

  it('come whole, and with nothing of another kind', async () => {
    const written = new Map<string, string>();
    const producer = { id: '1'.repeat(32), epoch: 0 };
    let sequence = 0;
    for (let round = 0; round < ROUNDS; round += 1)
      for (const topic of ['tenants.a.grouped.pulses', 'tenants.b.grouped.pulses', 'source.pulses']) {
        const text = `${topic} ${round} ${'x'.repeat(round * 500)}\n`.repeat(2);
        const append = { topic, recordCount: 2, ...payloadOf(Buffer.from(text)) };
        await client.produce({ ...producer, sequence }, append);
        sequence += 1;
        written.set(topic, (written.get(topic) ?? '') + text);
      }
    const read = new Map<string, string>();
    const topics = await client.listTopics('tenants.');
    for await (const batches of readTopics(client, topics))
      for (const { topic, batch } of batches)
        read.set(topic.topic, (read.get(topic.topic) ?? '') + Buffer.from(batch.payload).toString());
    written.delete('source.pulses');
    expect(read).toEqual(written);
  });
});
