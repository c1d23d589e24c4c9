// How long does a start take, and how much memory, with 20,000 topics and 10 GB stored? STORED_GB sets the size.

import { execFileSync } from 'node:child_process';
import { columnsOf, type TopicAppend } from '@pulses/broker-wire';
import { IO_THREADS } from '../src/io-threads';
import { check, inDirectory, isSmoke, openLog, payloadOf, report, secondsOf } from './bench-fixture';

const TOPICS = isSmoke ? 100 : 20_000;
const BYTES = isSmoke ? 2_000_000 : Number(process.env['STORED_GB'] ?? 10) * 1e9;
const TOPICS_A_COMMIT = 1_000;
const RECORDS = 60;
const BYTES_A_RECORD = 156;
const ROUNDS = Math.max(1, Math.round(BYTES / (TOPICS * RECORDS * BYTES_A_RECORD)));

const nameOf = (topic: number): string => `tenants.t${topic}.grouped.pulses`;

async function fill(directory: string): Promise<void> {
  const log = await openLog(directory, { options: { fsync: { mode: 'never' } } });
  const { incarnation } = await log.createTopic('source');
  const groupEpoch = await log.advanceGroupEpoch('g');
  const payload = payloadOf(RECORDS, 5);
  let revision = 0;
  for (let round = 0; round < ROUNDS; round += 1)
    for (let from = 0; from < TOPICS; from += TOPICS_A_COMMIT) {
      const count = Math.min(TOPICS_A_COMMIT, TOPICS - from);
      const appends: TopicAppend[] = Array.from({ length: count }, (_, index) => ({
        topic: nameOf(from + index),
        recordCount: RECORDS,
        payload,
      }));
      const position = { name: 'grouped', expectedRevision: revision, offset: 0, metadata: '' };
      revision += 1;
      await log.commit({
        group: 'g',
        groupEpoch,
        topic: 'source',
        incarnation,
        positions: [position],
        ...columnsOf(appends),
      });
    }
  await log.close();
}

/** The start itself, in a process that did not write what it finds. */
async function start(directory: string): Promise<void> {
  let log: Awaited<ReturnType<typeof openLog>> | undefined;
  const seconds = await secondsOf(async () => {
    log = await openLog(directory);
  });
  if (log === undefined) throw new Error('not opened');
  for (const topic of [0, TOPICS - 1]) {
    const info = log.topic(nameOf(topic));
    check(info?.nextOffset === ROUNDS * RECORDS, 'messages are missing');
    const [first] = await log.read(nameOf(topic), info?.incarnation ?? '', 0, 1_000);
    check(first?.baseOffset === 0, 'the first message is missing');
  }
  console.log(JSON.stringify({ seconds, rssMb: process.memoryUsage().rss / 1e6 }));
  await log.close();
}

// As the broker has them.
process.env['UV_THREADPOOL_SIZE'] ??= String(IO_THREADS);
const YOUNG_GENERATION = '--max-semi-space-size=4';
// The log's timers do not keep a process alive; a broker's sockets do.
const alive = setInterval(() => undefined, 1_000);
const [, script, mode, given] = process.argv;
if (mode === 'start' && given !== undefined) await start(given);
else
  await inDirectory(async (directory) => {
    await fill(directory);
    const printed = execFileSync(process.execPath, [YOUNG_GENERATION, script ?? '', 'start', directory], {
      encoding: 'utf8',
    });
    const { seconds, rssMb } = JSON.parse(printed) as { seconds: number; rssMb: number };
    const gb = (ROUNDS * TOPICS * RECORDS * BYTES_A_RECORD) / 1e9;
    report('start', { topics: TOPICS, gb: gb.toFixed(2), seconds: seconds.toFixed(2), rssMb: Math.round(rssMb) });
  });
clearInterval(alive);
