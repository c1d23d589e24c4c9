// How does Redis Streams answer the same questions, with every write synced before it is acknowledged? A message is a
// pulse; a consumer of a group publishes its batch and acknowledges it in one transaction. With the check of counts and
// exact sums.

import { check, report, sized } from '@pulses/testing-benches';
import { startRedis } from '@pulses/testing-services';
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
import { openRespLink, type Reply } from '../peers/resp-link';

const BATCHES = sized(500, 10, 'BENCH_PEER_BATCHES');
const IN_FLIGHT = 8;
const SOURCE = 'source';
const GROUP = ['ingestor', 'one'] as const;
const READ_MS = '100';

type Entry = readonly [id: string, fields: readonly [name: string, line: string]];

const add = (stream: string, line: string) => ['XADD', stream, '*', 'l', line];
const groupedStream = (tenant: string) => `tenants.${tenant}.grouped`;

async function consume({ port, pulses }: ConsumerData): Promise<void> {
  const link = await openRespLink(port);
  const grouping = createPeerGrouping();
  parentPort?.postMessage('ready');
  for (let taken = 0; taken < pulses;) {
    const read = [
      'XREADGROUP',
      'GROUP',
      ...GROUP,
      'COUNT',
      String(PEER_BATCH_PULSES),
      'BLOCK',
      READ_MS,
      'STREAMS',
      SOURCE,
      '>',
    ];
    const [streams] = (await link.send([read])) as [readonly (readonly [string, readonly Entry[]])[] | null];
    const entries = streams?.[0]?.[1] ?? [];
    if (entries.length === 0) continue;
    const adds = entries.map(([id, [, line]]) => {
      const grouped = grouping.take(line, id);
      return add(groupedStream(grouped.tenant), grouped.line);
    });
    await link.send([['MULTI'], ...adds, ['XACK', SOURCE, GROUP[0], ...entries.map(([id]) => id)], ['EXEC']]);
    taken += entries.length;
  }
  link.close();
  parentPort?.postMessage(grouping.total());
}

async function measure(): Promise<void> {
  const server = await startRedis({ own: true, args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
  try {
    const link = await openRespLink(server.port);
    const peer = createPeerPool(BATCHES);
    const publishTo = (stream: string) => async (lines: readonly string[]) => {
      await link.send(lines.map((line) => add(stream, line)));
    };
    const produced = await publishAll(peer, BATCHES, IN_FLIGHT, publishTo('alone'));
    check((await link.send([['XLEN', 'alone']]))[0], BATCHES * PEER_BATCH_PULSES, 'the count of stored messages');
    await link.send([
      ['DEL', 'alone'],
      ['XGROUP', 'CREATE', SOURCE, GROUP[0], '$', 'MKSTREAM'],
    ]);

    const pulses = BATCHES * PEER_BATCH_PULSES;
    const { grouped, total } = await publishAndGroup(
      import.meta.url,
      server.port,
      peer,
      BATCHES,
      IN_FLIGHT,
      publishTo(SOURCE),
    );

    const tenants = Array.from({ length: PEER_TENANTS }, (_, index) => ['XLEN', groupedStream(`tenant-${index + 1}`)]);
    const lengths: Reply[] = await link.send(tenants);
    checkPeer(
      peer.pool,
      BATCHES,
      total,
      lengths.reduce<number>((sum, length) => sum + Number(length), 0),
    );
    link.close();
    const settings = {
      pulses,
      tenants: PEER_TENANTS,
      batch: PEER_BATCH_PULSES,
      in_flight: IN_FLIGHT,
      appendfsync: 'always',
    };
    report('redis-streams', settings, peerMeasures('Redis Streams', peer.pool, produced, grouped));
  } finally {
    await server.stop();
  }
}

await (isMainThread ? measure() : consume(workerData as ConsumerData));
