// What do six partitions cost an ingestor, compared with one: CPU for a pulse, and memory?
//
// The source is in memory and commits are discarded one turn of the event loop later. The same number of pulses is read in
// both cases. The bench checks that every pulse is in one grouped line and one sum, and that memory stays within its bound.

import { engineParts, engineSettings } from '@pulses/aggregation-registry';
import {
  type Connector,
  type OutputCommit,
  type Session,
  type SourceEvent,
  tenantOutputs,
} from '@pulses/connector-api';
import { nodeClock, nodeRandom } from '@pulses/shared-node-platform';
import { parseSettings } from '@pulses/shared-settings';
import { check, createPulsePool, isSmoke, sized, type PulsePool } from '@pulses/testing-benches';
import { cpus } from 'node:os';
import { ignore, logger, runBenchPipeline } from './bench-pipeline';

const PARTITIONS = 6;
const BATCH_PULSES = 1_000;
const BATCHES = sized(6_000, 60);
const WINDOWS = 4;
const TENANTS = sized(1_000, 10);
const WINDOW_MS = 5_000;
const MEMORY_MIB_MAX = 300;

/** The events of one partition: every batch of the pool in turn, and heads behind them. */
function sourceOf(pool: PulsePool, batches: number): () => Promise<SourceEvent> {
  const ends = pool.batches.map(({ payload, recordCount }) => {
    const own = new Int32Array(recordCount);
    let end = -1;
    for (let line = 0; line < recordCount; line += 1) own[line] = end = payload.indexOf(10, end + 1);
    return own;
  });
  let next = 0;
  return async () => {
    await new Promise((resolve) => setImmediate(resolve));
    const batch = next;
    if (batch === batches) return { kind: 'head', nextOffset: batches * BATCH_PULSES, clockMs: WINDOWS * WINDOW_MS };
    next += 1;
    const index = batch % pool.batches.length;
    return {
      kind: 'records',
      baseOffset: batch * BATCH_PULSES,
      recordCount: BATCH_PULSES,
      timestampMs: Math.floor((batch / batches) * WINDOWS * WINDOW_MS),
      bytes: pool.batches[index]!.payload, // in range
      start: 0,
      ends: ends[index]!, // one for each
      gap: 1,
    };
  };
}

/** Reads all batches over a number of partitions; answers CPU microseconds a pulse. */
async function run(pool: PulsePool, partitions: number): Promise<number> {
  const abort = new AbortController();
  const batches = BATCHES / partitions;
  let [grouped, pulses] = [0, 0];
  const commit = async ({ grouped: lines, aggregated }: OutputCommit): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    for (const count of lines?.counts ?? []) grouped += count;
    for (const { payload } of tenantOutputs(aggregated))
      for (const [, count] of Buffer.from(payload)
        .toString()
        .matchAll(/"pulse_count":(\d+)/g))
        pulses += Number(count);
    if (pulses === BATCHES * BATCH_PULSES) abort.abort();
  };
  const sessions = Array.from({ length: partitions }, (_, partition): Session => {
    const next = sourceOf(pool, batches);
    return {
      source: { topic: 'source.pulses', incarnation: String(partition).padStart(32, '0'), partition },
      startOffset: 0,
      positions: new Map(),
      sourceHead: () => Promise.resolve(batches * BATCH_PULSES),
      read: () => ({ next, provePast: ignore, close: ignore }),
      commit,
      close: () => Promise.resolve(),
    };
  });
  const connector: Connector = {
    name: 'bench',
    supports: { atomicCommit: true, standby: false, partitions: true },
    openSession: ({ signal }) =>
      new Promise((resolve, reject) => {
        const session = sessions.shift();
        if (session !== undefined) resolve(session);
        else
          signal.addEventListener(
            'abort',
            () => {
              reject(signal.reason as Error);
            },
            { once: true },
          );
      }),
    close: () => Promise.resolve(),
  };
  const before = process.cpuUsage();
  await runBenchPipeline({ connector, createEngine: engines.create, windowMs: WINDOW_MS }, abort.signal);
  const { user, system } = process.cpuUsage(before);
  check(grouped, BATCHES * BATCH_PULSES, 'the number of grouped lines');
  check(pulses, BATCHES * BATCH_PULSES, 'the number of summed pulses');
  return (user + system) / (BATCHES * BATCH_PULSES);
}

const { values } = parseSettings(engineSettings, { argv: [], env: {}, readFile: () => '' });
const engines = await engineParts('memory', values, { clock: nodeClock, random: nodeRandom, logger });
/** A tenant's pulses are in one partition. */
const poolFor = (partitions: number): PulsePool =>
  createPulsePool({ tenants: Math.ceil(TENANTS / partitions), skus: 50, batchCount: 60, batchPulses: BATCH_PULSES });
const rounded = (value: number): number => Math.round(value * 1000) / 1000;
const one = await run(poolFor(1), 1);
const oneMib = Math.round(process.resourceUsage().maxRSS / 1024);
const many = await run(poolFor(PARTITIONS), PARTITIONS);
const manyMib = Math.round(process.resourceUsage().maxRSS / 1024);
console.log(
  JSON.stringify({
    bench: 'partitions',
    tenants: TENANTS,
    pulses: BATCHES * BATCH_PULSES,
    one_us: rounded(one),
    six_us: rounded(many),
    one_mib: oneMib,
    six_mib: manyMib,
    machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node}`,
    smoke: isSmoke,
  }),
);
check(manyMib <= MEMORY_MIB_MAX, true, `at most ${MEMORY_MIB_MAX} MiB of memory, not ${manyMib}:`);
