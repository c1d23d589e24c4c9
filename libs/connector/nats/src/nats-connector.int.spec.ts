import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { aggregatedTopic, deadLetterTopic, groupedTopic } from '@pulses/shared-pulse-model';
import { nodeClock } from '@pulses/shared-node-platform';
import { describeConnector, type ConnectorHarness } from '@pulses/testing-connector-conformance';
import { startNats } from '@pulses/testing-services';
import { createSimClock } from '@pulses/testing-sim';
import { NatsConnector } from './nats-connector';

const PAUSED_LEASE_MS = 300;

async function startHarness(): Promise<ConnectorHarness> {
  const server = await startNats({ syncInterval: 'always', lines: ['max_payload: 8MB'] });
  const connections = new Set<NatsConnection>();
  const dial = () => connect({ servers: server.url, reconnect: false });
  const connectOne = async () => {
    const connection = await dial();
    connections.add(connection);
    return connection;
  };
  let client = await dial();

  const ensureSource = async (topic: string) => {
    const manager = await jetstreamManager(client);
    const [name] = await manager.streams.names(topic).next();
    if (name !== undefined) return name;
    const own = `test-${topic.replaceAll('.', '_')}`;
    await manager.streams.add({ name: own, subjects: [topic] });
    return own;
  };

  return {
    createConnector: () => new NatsConnector({ connect: connectOne, clock: nodeClock, member: 'conformance' }),
    // On a clock that stands still no heartbeat is ever sent.
    createPausedConnector: () =>
      new NatsConnector({ connect: connectOne, clock: createSimClock(), member: 'paused', leaseMs: PAUSED_LEASE_MS }),
    async publish(topic, messages) {
      await ensureSource(topic);
      for (const message of messages) await client.request(topic, message, { timeout: 5_000 });
    },
    async skipOffsets(topic: string) {
      const stream = await ensureSource(topic);
      const manager = await jetstreamManager(client);
      const answer = await client.request(topic, 'skipped', { timeout: 5_000 });
      await manager.streams.deleteMessage(stream, answer.json<{ seq: number }>().seq);
      return true;
    },
    async output(sourceTopic, stream) {
      const subject =
        stream.kind === 'deadLetters'
          ? deadLetterTopic(sourceTopic)
          : (stream.kind === 'grouped' ? groupedTopic : aggregatedTopic)(stream.tenant);
      return await linesOf(client, 'pulses-conformance', subject);
    },
    async deleteSource(topic) {
      const manager = await jetstreamManager(client);
      const [name] = await manager.streams.names(topic).next();
      if (name !== undefined) await manager.streams.delete(name);
    },
    async cutConnections() {
      await Promise.all([...connections].map((connection) => connection.close()));
      connections.clear();
    },
    async restart() {
      await client.close();
      await server.restart();
      client = await dial();
    },
    async close() {
      await client.close();
      await server.stop();
    },
  };
}

/** Reads a subject message by message, as a program that knows nothing of the connector would. */
async function linesOf(client: NatsConnection, stream: string, subject: string): Promise<string[]> {
  const consumer = await jetstream(client).consumers.get(stream, { filter_subjects: [subject] });
  const parts: Uint8Array[] = [];
  let pending = (await consumer.info()).num_pending;
  const messages = pending === 0 ? undefined : await consumer.consume();
  for await (const message of messages ?? []) {
    parts.push(message.data);
    pending = message.info.pending;
    if (pending === 0) break;
  }
  await messages?.close();
  return Buffer.concat(parts).toString().split('\n').slice(0, -1);
}

describeConnector('nats', startHarness, { atomicCommit: true, standby: true, partitions: false });
