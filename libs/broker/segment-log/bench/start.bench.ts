// How long does a start take, and how much memory, after a kill, with 100,000 topics? STORED_GB and TOPICS set the size.

import { columnsOf } from '@pulses/broker-wire';
import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { nodeClock, nodeFileSystem, nodeRandom } from '@pulses/shared-node-platform';
import { openSegmentLog, type SegmentLog } from '../src';

const isSmoke = process.env['SMOKE'] === '1';
const TOPICS = Number(process.env['TOPICS'] ?? (isSmoke ? 500 : 100_000));
const BYTES = isSmoke ? 2_000_000 : Number(process.env['STORED_GB'] ?? 1) * 1e9;
const LINE = `{"pad":"${'x'.repeat(239)}"}\n`;
const ROWS = Math.min(TOPICS, 20_000);
const ROUNDS = Math.max(2, Math.round(BYTES / (ROWS * LINE.length)));

const nameOf = (topic: number): string => `tenants.t${topic}.grouped.pulses`;

function open(directory: string, isSynced: boolean): Promise<SegmentLog> {
  const options = { fsync: { mode: isSynced ? 'always' : 'never' } } as const;
  return openSegmentLog({ fileSystem: nodeFileSystem, clock: nodeClock, random: nodeRandom, directory, options });
}

/** Leaves a copy of the files as a killed process would. */
async function fill(directory: string, killed: string): Promise<void> {
  const log = await open(directory, false);
  const { incarnation } = await log.createTopic('source');
  const groupEpoch = await log.advanceGroupEpoch('g');
  const base = { group: 'g', groupEpoch, topic: 'source', incarnation, positions: [] };
  const payload = Buffer.from(LINE);
  const ids: number[] = [];
  for (let from = 0; from < TOPICS; from += ROWS) {
    const appends = Array.from({ length: Math.min(ROWS, TOPICS - from) }, (_, index) => ({
      topic: nameOf(from + index),
      recordCount: 1,
      payload,
    }));
    ids.push(...(await log.commit({ ...base, ...columnsOf(appends) })).newTopicIds);
  }
  const bytes = Buffer.from(LINE.repeat(ROWS));
  const rows = {
    newTopics: [],
    counts: new Uint32Array(ROWS).fill(1),
    lengths: new Uint32Array(ROWS).fill(LINE.length),
    payload: bytes,
    payloadCrc: crc32(bytes),
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    const start = (round * ROWS) % TOPICS;
    const topicIds = Uint32Array.from({ length: ROWS }, (_, index) => ids[(start + index) % TOPICS] ?? 0);
    await log.commit({ ...base, ...rows, topicIds });
  }
  // Files must stay while they are copied.
  while (log.unsealedBytes > 0) await sleep(20);
  await sleep(500);
  await cp(directory, killed, { recursive: true });
  await log.close();
}

/** The start itself, in a process that did not write what it finds. */
async function start(directory: string): Promise<void> {
  const startMs = performance.now();
  const log = await open(directory, true);
  const seconds = (performance.now() - startMs) / 1_000;
  let stored = 0;
  for (const { nextOffset } of log.topics({ prefix: 'tenants.', after: '', limit: TOPICS }).topics)
    stored += nextOffset;
  if (stored !== TOPICS + ROUNDS * ROWS) throw new Error(`the result is wrong: ${stored} messages`);
  const { incarnation = '' } = log.topic(nameOf(7)) ?? {};
  const readMs = performance.now();
  const [first] = await log.read(nameOf(7), incarnation, 0, 1_000);
  if (first?.baseOffset !== 0) throw new Error('the result is wrong: the first message is missing');
  const firstReadMs = performance.now() - readMs;
  console.log(JSON.stringify({ seconds, firstReadMs, rssMb: process.memoryUsage().rss / 1e6 }));
  await log.close();
}

// The log's timers do not keep a process alive; a broker's sockets do.
const alive = setInterval(() => undefined, 1_000);
const [, script, mode, given] = process.argv;
if (mode === 'start' && given !== undefined) await start(given);
else {
  const holder = await mkdtemp(join(process.env['BENCH_DIR'] ?? process.cwd(), 'tmp-bench-'));
  try {
    const killed = join(holder, 'killed');
    await fill(join(holder, 'log'), killed);
    const printed = execFileSync(process.execPath, [script ?? '', 'start', killed], { encoding: 'utf8' });
    const found = JSON.parse(printed) as { seconds: number; firstReadMs: number; rssMb: number };
    const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node}`;
    const gb = ((TOPICS + ROUNDS * ROWS) * LINE.length) / 1e9;
    const result = {
      topics: TOPICS,
      gb: gb.toFixed(2),
      seconds: found.seconds.toFixed(2),
      firstReadMs: found.firstReadMs.toFixed(1),
      rssMb: Math.round(found.rssMb),
    };
    console.log(JSON.stringify({ bench: 'start', ...result, machine, smoke: isSmoke }));
  } finally {
    await rm(holder, { recursive: true, force: true });
  }
}
clearInterval(alive);
