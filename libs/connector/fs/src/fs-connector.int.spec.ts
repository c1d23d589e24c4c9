import { describe, expect, it } from '@jest/globals';
import { connectBroker, type BrokerClient } from '@pulses/broker-client';
import { tenantColumns } from '@pulses/connector-api';
import { aggregatedTopic, deadLetterTopic, groupedTopic } from '@pulses/shared-pulse-model';
import { nodeClock, nodeNetwork } from '@pulses/shared-node-platform';
import type { Network, Socket } from '@pulses/shared-ports';
import { describeConnector, type ConnectorHarness } from '@pulses/testing-connector-conformance';
import { startTestBroker } from '@pulses/testing-processes';
import { createSimClock } from '@pulses/testing-sim';
import { FsConnector } from './fs-connector';

const PAUSED_LEASE_MS = 300;

async function startHarness(): Promise<ConnectorHarness> {
  const broker = await startTestBroker();
  const sockets = new Set<Socket>();
  const connectOver = (network: Network) =>
    connectBroker({ network, clock: nodeClock, host: '127.0.0.1', port: broker.port, clientName: 'conformance' });
  const connect = () =>
    connectOver({
      listen: nodeNetwork.listen,
      async connect(options) {
        const socket = await nodeNetwork.connect(options);
        sockets.add(socket);
        return socket;
      },
    });
  let client: BrokerClient = await connectOver(nodeNetwork);
  let sequence = 0;

  return {
    createConnector: () => new FsConnector({ connect, clock: nodeClock, member: 'conformance' }),
    // On a clock that stands still no heartbeat is ever sent.
    createPausedConnector: () =>
      new FsConnector({ connect, clock: createSimClock(), member: 'paused', leaseMs: PAUSED_LEASE_MS }),
    skipOffsets: () => Promise.resolve(false),
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
    cutConnections() {
      for (const socket of sockets) socket.destroy();
      sockets.clear();
      return Promise.resolve();
    },
    async restart() {
      client.close();
      await broker.crash();
      client = await connectOver(nodeNetwork);
    },
    async close() {
      client.close();
      await broker.stop();
    },
  };
}

describe('an event of a source', () => {
  it('keeps its bytes until the next event is asked for, and is freed then', async () => {
    const broker = await startTestBroker();
    const connect = () =>
      connectBroker({
        network: nodeNetwork,
        clock: nodeClock,
        host: '127.0.0.1',
        port: broker.port,
        clientName: 'lent',
      });
    const client = await connect();
    const connector = new FsConnector({ connect, clock: nodeClock, member: 'lent' });
    try {
      const payloads = ['a', 'b', 'c'].map((letter) => Buffer.from(`${letter.repeat(200_000)}\n`));
      for (const [sequence, payload] of payloads.entries())
        await client.produce(
          { id: 'b'.repeat(32), epoch: 0, sequence },
          { topic: 'source.lent', recordCount: 1, payload },
        );
      const session = await connector.openSession({
        sourceTopic: 'source.lent',
        group: 'lent',
        signal: new AbortController().signal,
        onStandby: () => undefined,
      });
      const stream = session.read(0);
      let last: Uint8Array | undefined;
      for (const payload of payloads) {
        const event = await stream.next();
        if (event.kind !== 'records') throw new Error('a head came before the records');
        expect(last?.length ?? 0).toBe(0);
        expect(Buffer.from(event.bytes).equals(payload)).toBe(true);
        last = event.bytes;
      }
      stream.close();
      expect(last?.length).toBe(200_001);
    } finally {
      client.close();
      await connector.close();
      await broker.stop();
    }
  });
});

describe('an output topic that is deleted', () => {
  it('ends the session, and the next one makes it again', async () => {
    const broker = await startTestBroker();
    const connect = () =>
      connectBroker({ network: nodeNetwork, clock: nodeClock, host: '127.0.0.1', port: broker.port, clientName: 't' });
    const client = await connect();
    const connector = new FsConnector({ connect, clock: nodeClock, member: 'm' });
    const { signal } = new AbortController();
    const open = () => connector.openSession({ sourceTopic: 's', group: 'g', signal, onStandby: () => undefined });
    const tenants = ['a'];
    const commit = (line: string) => ({
      grouped: { ...tenantColumns([{ tenant: 'a', recordCount: 1, payload: Buffer.from(`${line}\n`) }])!, tenants }, // it has one
      aggregated: undefined,
      deadLetters: undefined,
      positions: new Map([['grouped', { offset: 0, metadata: line }]]),
    });
    try {
      const session = await open();
      await session.commit(commit('1'));
      await client.deleteTopics([groupedTopic('a')]);
      await client.createTopic(groupedTopic('a'));
      await expect(session.commit(commit('2'))).rejects.toMatchObject({ code: 'TOPIC_UNKNOWN' });
      const next = await open();
      expect(next.positions.get('grouped')?.metadata).toBe('1');
      await next.commit(commit('3'));
      expect(await client.topic(groupedTopic('a'))).toMatchObject({ nextOffset: 1 });
    } finally {
      client.close();
      await connector.close();
      await broker.stop();
    }
  });
});

describeConnector('fs', startHarness, { atomicCommit: true, standby: true, partitions: false });
