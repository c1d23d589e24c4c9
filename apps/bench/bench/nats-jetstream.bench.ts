// How does NATS JetStream answer the same questions? A message is a pulse, each with its own acknowledgement; a consumer
// publishes the grouped lines of a batch, waits for their acknowledgements, and then acknowledges the batch: at least once,
// where Pulses is exactly once. With the check of counts and exact sums.

import { check, isSmoke, report, sized, skip, type Measure } from '@pulses/testing-benches';
import { startNats } from '@pulses/testing-services';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { openNatsLink, type NatsLink, type NatsMessage } from '../peers/nats-link';
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

/** Synced before each acknowledgement, as here; and as the server comes. */
const MODES = [
  { syncInterval: 'always', batches: sized(20, 2, 'BENCH_PEER_SYNCED_BATCHES') },
  { syncInterval: '2m', batches: sized(200, 5, 'BENCH_PEER_BATCHES') },
];
const IN_FLIGHT = 4;
const PULL_NANOS = 1_000_000_000;

const api = (call: string) => `$JS.API.${call}`;
const groupedSubject = (tenant: string) => `tenants.${tenant}.grouped`;

async function consume({ port, pulses }: ConsumerData): Promise<void> {
  const link = await openNatsLink(port);
  const config = { durable_name: 'group', ack_policy: 'all', deliver_policy: 'all', max_ack_pending: -1 };
  await link.request(api('CONSUMER.DURABLE.CREATE.SOURCE.group'), JSON.stringify({ stream_name: 'SOURCE', config }));
  const grouping = createPeerGrouping();
  parentPort?.postMessage('ready');
  for (let taken = 0; taken < pulses;) {
    const messages = await pullBatch(link, Math.min(PEER_BATCH_PULSES, pulses - taken));
    await Promise.all(
      messages.map(({ text }, index) => {
        const grouped = grouping.take(text, String(taken + index));
        return link.request(groupedSubject(grouped.tenant), grouped.line);
      }),
    );
    const last = messages.at(-1);
    if (last !== undefined) link.publish(last.reply, '+ACK');
    taken += messages.length;
  }
  link.close();
  parentPort?.postMessage(grouping.total());
}

/** Up to `count` messages; fewer when no more came in time. */
function pullBatch(link: NatsLink, count: number): Promise<NatsMessage[]> {
  return new Promise((resolve) => {
    const messages: NatsMessage[] = [];
    link.pull(
      api('CONSUMER.MSG.NEXT.SOURCE.group'),
      JSON.stringify({ batch: count, expires: PULL_NANOS }),
      (message) => {
        if (!message.isStatus) messages.push(message);
        if (message.isStatus || messages.length === count) resolve(messages);
      },
    );
  });
}

async function messagesIn(link: NatsLink, stream: string): Promise<number> {
  const info = JSON.parse(await link.request(api(`STREAM.INFO.${stream}`), '')) as { state: { messages: number } };
  return info.state.messages;
}

async function measureMode(syncInterval: string, batches: number): Promise<Measure[]> {
  const server = await startNats({ syncInterval, mayBuild: !isSmoke });
  try {
    const link = await openNatsLink(server.port);
    const streams = { ALONE: 'alone', SOURCE: 'source', GROUPED: 'tenants.*.grouped' };
    for (const [name, subject] of Object.entries(streams))
      await link.request(api(`STREAM.CREATE.${name}`), JSON.stringify({ name, subjects: [subject], storage: 'file' }));
    const peer = createPeerPool(batches);
    const publishTo = (subject: string) => async (lines: readonly string[]) => {
      await Promise.all(lines.map((line) => link.request(subject, line)));
    };
    const pulses = batches * PEER_BATCH_PULSES;
    const produced = await publishAll(peer, batches, IN_FLIGHT, publishTo(streams.ALONE));
    check(await messagesIn(link, 'ALONE'), pulses, 'the count of stored messages');

    const { grouped, total } = await publishAndGroup(
      import.meta.url,
      server.port,
      peer,
      batches,
      IN_FLIGHT,
      publishTo(streams.SOURCE),
    );
    checkPeer(peer.pool, batches, total, await messagesIn(link, 'GROUPED'));
    link.close();
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
