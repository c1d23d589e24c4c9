// What CPU does a message cost in commits of 20,000 lines over 10, 1,000 and 100,000 topics: by names and by
// ids, in turns? It includes what runs in the background until all is sealed.
//
// TOPICS=10,1000 names other numbers of topics, KIND=ids one of the two; TURNS and COMMITS set the length.

import { mkdtemp, rm } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { columnsOf, type TopicAppend } from '@pulses/broker-wire';
import { nodeClock, nodeFileSystem, nodeRandom } from '@pulses/shared-node-platform';
import { openSegmentLog, type SegmentLog } from '../src';

const isSmoke = process.env['SMOKE'] === '1';
const LINES = isSmoke ? 200 : 20_000;
const LINE_BYTES = 250;
const TOPICS = (process.env['TOPICS'] ?? (isSmoke ? '10,100' : '10,1000,100000')).split(',').map(Number);
const TURNS = Number(process.env['TURNS'] ?? (isSmoke ? 1 : 3));
const COMMITS = Number(process.env['COMMITS'] ?? (isSmoke ? 2 : 30));

type Kind = 'names' | 'ids';

const KINDS: readonly Kind[] = ['names', 'ids'];

const nameOf = (topic: number): string => `tenants.t${topic}.grouped.pulses`;

/** Lines of the topics from `first` on, as many as a commit holds. */
function appendsOf(first: number, topics: number): TopicAppend[] {
  const touched = Math.min(topics, LINES);
  const recordCount = LINES / touched;
  const line = `{"pad":"${'x'.repeat(LINE_BYTES - 11)}"}\n`;
  const payload = Buffer.from(line.repeat(recordCount * touched));
  const bytes = recordCount * line.length;
  return Array.from({ length: touched }, (_, index) => ({
    topic: nameOf((first + index) % topics),
    recordCount,
    payload: payload.subarray(index * bytes, (index + 1) * bytes),
  }));
}

async function settled(log: SegmentLog): Promise<void> {
  while (log.unsealedBytes > 0) await sleep(20);
}

interface Result {
  readonly cpuUs: number;
  readonly wallUs: number;
}

/** CPU and time of a message, in microseconds. */
async function measure(kind: Kind, topics: number): Promise<Result> {
  const directory = await mkdtemp(join(process.env['BENCH_DIR'] ?? process.cwd(), 'tmp-bench-'));
  const log = await openSegmentLog({
    fileSystem: nodeFileSystem,
    clock: nodeClock,
    random: nodeRandom,
    directory,
  });
  try {
    const { incarnation } = await log.createTopic('source');
    const groupEpoch = await log.advanceGroupEpoch('g');
    let revision = 0;
    const head = () => {
      const position = { name: 'grouped', expectedRevision: revision++, offset: 0, metadata: '' };
      return { group: 'g', groupEpoch, topic: 'source', incarnation, positions: [position] };
    };
    const commits = Array.from({ length: Math.min(COMMITS, Math.ceil(topics / LINES)) }, (_, index) =>
      appendsOf(index * LINES, topics),
    );
    const rows = commits.map(columnsOf);
    // Every topic is there before.
    for (const [at, columns] of rows.entries()) {
      const { newTopicIds } = await log.commit({ ...head(), ...columns });
      if (kind === 'ids') rows[at] = { ...columns, newTopics: [], topicIds: newTopicIds };
    }
    // An object for each topic, in one heap with the log, would be marked and moved at its cost.
    commits.length = 0;
    await settled(log);
    const before = process.cpuUsage();
    const startMs = performance.now();
    for (let index = 0; index < COMMITS; index += 1)
      await log.commit({ ...head(), ...(rows[index % rows.length] ?? columnsOf([])) });
    await settled(log);
    const { user, system } = process.cpuUsage(before);
    const messages = COMMITS * LINES;
    const expected = (COMMITS + rows.length) * LINES;
    let stored = 0;
    for (const { nextOffset } of log.topics({ prefix: 'tenants.', after: '', limit: 1_000_000 }).topics)
      stored += nextOffset;
    if (stored !== expected) throw new Error(`the result is wrong: ${stored} of ${expected} messages`);
    return { cpuUs: (user + system) / messages, wallUs: ((performance.now() - startMs) * 1_000) / messages };
  } finally {
    await log.close();
    await rm(directory, { recursive: true, force: true });
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[values.length >> 1] ?? 0;
}

const alive = setInterval(() => undefined, 1_000);
const kinds = KINDS.filter((kind) => (process.env['KIND'] ?? kind) === kind);
for (const topics of TOPICS) {
  const results: Record<Kind, Result[]> = { names: [], ids: [] };
  for (let turn = 0; turn < TURNS; turn += 1) {
    for (const kind of kinds) results[kind].push(await measure(kind, topics));
  }
  const summary = Object.fromEntries(
    kinds.map((kind) => [
      kind,
      {
        cpuUs: median(results[kind].map(({ cpuUs }) => cpuUs)).toFixed(3),
        wallUs: median(results[kind].map(({ wallUs }) => wallUs)).toFixed(3),
      },
    ]),
  );
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node}`;
  console.log(JSON.stringify({ bench: 'commit-topics', topics, turns: TURNS, ...summary, machine, smoke: isSmoke }));
}
clearInterval(alive);
