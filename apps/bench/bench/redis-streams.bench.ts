// How fast is Redis Streams at the same task, with every write synced before it is acknowledged?
//
// A message is a pulse. A consumer of a group publishes each batch and acknowledges it in one transaction. The bench
// checks counts and exact sums.

import { check, report, sized } from '@pulses/testing-benches';
import { startRedis } from '@pulses/testing-services';
import { Redis } from 'ioredis';
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

const BATCHES = sized(500, 10, 'BENCH_PEER_BATCHES');
const IN_FLIGHT = 8;
const SOURCE = 'source';
const GROUP = ['ingestor', 'one'] as const;
const READ_MS = 100;

type Entry = readonly [id: string, fields: readonly [name: string, line: string]];
type Command = readonly [name: string, ...words: string[]];

const add = (stream: string, line: string): Command => ['xadd', stream, '*', 'l', line];
const groupedStream = (tenant: string) => `tenants.${tenant}.grouped`;

/** Without retries: a bench that loses its server has failed. */
const connect = (port: number) => new Redis({ host: '127.0.0.1', port, maxRetriesPerRequest: 0 });

/** Resolves to the replies of a pipeline or transaction. @throws Error when one of them is an error */
async function repliesOf(sent: ReturnType<Redis['multi']>): Promise<unknown[]> {
  const replies = await sent.exec();
  if (replies === null) throw new Error('Redis discarded the transaction');
  return replies.map(([error, reply]) => {
    if (error) throw error;
    return reply;
  });
}

async function consume({ port, pulses }: ConsumerData): Promise<void> {
  const redis = connect(port);
  const grouping = createPeerGrouping();
  parentPort?.postMessage('ready');
  for (let taken = 0; taken < pulses;) {
    const read = redis.xreadgroup(
      'GROUP',
      ...GROUP,
      'COUNT',
      PEER_BATCH_PULSES,
      'BLOCK',
      READ_MS,
      'STREAMS',
      SOURCE,
      '>',
    );
    const streams = (await read) as readonly (readonly [string, readonly Entry[]])[] | null;
    const entries = streams?.[0]?.[1] ?? [];
    if (entries.length === 0) continue;
    const adds = entries.map(([id, [, line]]) => {
      const grouped = grouping.take(line, id);
      return add(groupedStream(grouped.tenant), grouped.line);
    });
    const acknowledge: Command = ['xack', SOURCE, GROUP[0], ...entries.map(([id]) => id)];
    await repliesOf(redis.multi([...adds, acknowledge].map((command) => [...command])));
    taken += entries.length;
  }
  redis.disconnect();
  parentPort?.postMessage(grouping.total());
}

async function measure(): Promise<void> {
  const server = await startRedis({ own: true, args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
  try {
    const redis = connect(server.port);
    const peer = createPeerPool(BATCHES);
    const publishTo = (stream: string) => async (lines: readonly string[]) => {
      await repliesOf(redis.pipeline(lines.map((line) => [...add(stream, line)])));
    };
    const produced = await publishAll(peer, BATCHES, IN_FLIGHT, publishTo('alone'));
    check(await redis.xlen('alone'), BATCHES * PEER_BATCH_PULSES, 'the count of stored messages');
    await redis.del('alone');
    await redis.xgroup('CREATE', SOURCE, GROUP[0], '$', 'MKSTREAM');

    const pulses = BATCHES * PEER_BATCH_PULSES;
    const { grouped, total } = await publishAndGroup(
      import.meta.url,
      server.port,
      peer,
      BATCHES,
      IN_FLIGHT,
      publishTo(SOURCE),
    );

    const tenants = Array.from({ length: PEER_TENANTS }, (_, index) => ['xlen', groupedStream(`tenant-${index + 1}`)]);
    const lengths = await repliesOf(redis.pipeline(tenants));
    checkPeer(
      peer.pool,
      BATCHES,
      total,
      lengths.reduce<number>((sum, length) => sum + Number(length), 0),
    );
    redis.disconnect();
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
