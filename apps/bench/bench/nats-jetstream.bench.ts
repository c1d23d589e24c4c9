// How fast is NATS JetStream at the same task?
//
// A message is a pulse with its own acknowledgement. A consumer publishes the grouped lines of a batch, waits for their
// acknowledgements and then acknowledges the batch. That is at least once, where Pulses is exactly once. The bench checks
// counts and exact sums.

import {
  AckPolicy,
  DeliverPolicy,
  jetstream,
  jetstreamManager,
  StorageType,
  type JetStreamClient,
  type JetStreamManager,
  type JsMsg,
} from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { check, isSmoke, report, sized, skip, type Measure } from '@pulses/testing-benches';
import { startNats } from '@pulses/testing-services';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { createPeerGrouping } from '../peers/peer-grouping';
import {
  checkPeer,
  createPeerPool,
  PEER_BATCH_PULSES,
  PEER_TENANTS,
  peerMeasures,
  publishAll,
  publishAndGroup,
  type ConsumerData,
} from '../peers/peer-run';

/** Synced before each acknowledgement, as Pulses does it; then the server's default. */
const MODES = [
  { syncInterval: 'always', batches: sized(20, 2, 'BENCH_PEER_SYNCED_BATCHES') },
  { syncInterval: '2m', batches: sized(200, 5, 'BENCH_PEER_BATCHES') },
];
const IN_FLIGHT = 4;
const PULL_MS = 1_000;
/** Longer than all messages in flight take, each with a sync of its own. */
const ANSWER_MS_MAX = 120_000;

const groupedSubject = (tenant: string) => `tenants.${tenant}.grouped`;

const dial = (port: number): Promise<NatsConnection> =>
  connect({ servers: `127.0.0.1:${port}`, reconnect: false, timeout: ANSWER_MS_MAX });

/** Resolves once the message is stored. */
async function publish(stream: JetStreamClient, subject: string, line: string): Promise<void> {
  await stream.publish(subject, line, { timeout: ANSWER_MS_MAX });
}

async function consume({ port, pulses }: ConsumerData): Promise<void> {
  const connection = await dial(port);
  const stream = jetstream(connection);
  const manager = await jetstreamManager(connection);
  await manager.consumers.add('SOURCE', {
    durable_name: 'group',
    ack_policy: AckPolicy.All,
    deliver_policy: DeliverPolicy.All,
    max_ack_pending: -1,
  });
  const consumer = await stream.consumers.get('SOURCE', 'group');
  const grouping = createPeerGrouping();
  parentPort?.postMessage('ready');
  for (let taken = 0; taken < pulses;) {
    // Fewer messages when no more came in time.
    const count = Math.min(PEER_BATCH_PULSES, pulses - taken);
    const messages: JsMsg[] = [];
    for await (const message of await consumer.fetch({ max_messages: count, expires: PULL_MS })) messages.push(message);
    await Promise.all(
      messages.map((message, index) => {
        const grouped = grouping.take(message.string(), String(taken + index));
        return publish(stream, groupedSubject(grouped.tenant), grouped.line);
      }),
    );
    messages.at(-1)?.ack();
    taken += messages.length;
  }
  await connection.drain();
  parentPort?.postMessage(grouping.total());
}

async function messagesIn(manager: JetStreamManager, stream: string): Promise<number> {
  return (await manager.streams.info(stream)).state.messages;
}

async function measureMode(syncInterval: string, batches: number): Promise<Measure[]> {
  const server = await startNats({ syncInterval, mayBuild: !isSmoke });
  try {
    const connection = await dial(server.port);
    const [stream, manager] = [jetstream(connection), await jetstreamManager(connection)];
    const streams = { ALONE: 'alone', SOURCE: 'source', GROUPED: 'tenants.*.grouped' };
    for (const [name, subject] of Object.entries(streams))
      await manager.streams.add({ name, subjects: [subject], storage: StorageType.File });
    const peer = createPeerPool(batches);
    const publishTo = (subject: string) => async (lines: readonly string[]) => {
      await Promise.all(lines.map((line) => publish(stream, subject, line)));
    };
    const pulses = batches * PEER_BATCH_PULSES;
    const produced = await publishAll(peer, batches, IN_FLIGHT, publishTo(streams.ALONE));
    check(await messagesIn(manager, 'ALONE'), pulses, 'the count of stored messages');

    const { grouped, total } = await publishAndGroup(
      import.meta.url,
      server.port,
      peer,
      batches,
      IN_FLIGHT,
      publishTo(streams.SOURCE),
    );
    checkPeer(peer.pool, batches, total, await messagesIn(manager, 'GROUPED'));
    await connection.close();
    return peerMeasures(`NATS JetStream, sync ${syncInterval}`, peer.pool, produced, grouped);
  } finally {
    await server.stop();
  }
}

async function measure(): Promise<void> {
  const measures: Measure[] = [];
  try {
    for (const { syncInterval, batches } of MODES) measures.push(...(await measureMode(syncInterval, batches)));
  } catch (error) {
    if (!(error as Error).message.startsWith('there is no nats-server')) throw error;
    skip('nats-jetstream', (error as Error).message);
    return;
  }
  const pulses = MODES.map(
    ({ syncInterval, batches }) => `${batches * PEER_BATCH_PULSES} with sync ${syncInterval}`,
  ).join(', ');
  report('nats-jetstream', { pulses, tenants: PEER_TENANTS, in_flight: IN_FLIGHT * PEER_BATCH_PULSES }, measures);
}

await (isMainThread ? measure() : consume(workerData as ConsumerData));
