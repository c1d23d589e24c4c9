import { aggregatedTopic, deadLetterTopic, groupedTopic } from '@pulses/shared-pulse-model';
import { nodeClock, nodeNetwork } from '@pulses/shared-node-platform';
import { describeConnector, type ConnectorHarness } from '@pulses/testing-connector-conformance';
import { connectBroker, type BrokerClient } from './broker-client';
import { createFsConnector } from './fs-connector';
import { startTestBroker } from './testing/test-broker';

async function startHarness(): Promise<ConnectorHarness> {
  const broker = await startTestBroker();
  const connect = () =>
    connectBroker({ network: nodeNetwork, clock: nodeClock, host: '127.0.0.1', port: broker.port, clientName: 'conformance' });
  const client: BrokerClient = await connect();
  let sequence = 0;

  return {
    createConnector: () => createFsConnector({ connect, clock: nodeClock, member: 'conformance' }),
    async publish(topic, messages) {
      for (const message of messages) {
        const payload = Buffer.concat([message, Buffer.from('\n')]);
        await client.produce({ id: 'a'.repeat(32), epoch: 0, sequence }, { topic, recordCount: 1, payload });
        sequence += 1;
      }
    },
    async output(sourceTopic, stream) {
      const topic =
        stream.kind === 'deadLetters'
          ? deadLetterTopic(sourceTopic)
          : (stream.kind === 'grouped' ? groupedTopic : aggregatedTopic)(stream.tenant);
      const fetch = client.fetch(topic, '', 0, 1 << 20);
      const parts: Uint8Array[] = [];
      for (;;) {
        const event = await fetch.next();
        if (event.kind === 'head') break;
        parts.push(event.batch.payload);
      }
      fetch.close();
      return Buffer.concat(parts).toString().split('\n').slice(0, -1);
    },
    deleteSource: (topic) => client.deleteTopics([topic]),
    async close() {
      client.close();
      await broker.stop();
    },
  };
}

describeConnector('fs', startHarness, { atomicCommit: true, standby: true });
