// How fast is the ingestor with its sums in Redis, compared with memory, with 50,000 keys in a window?
//
// It decodes, groups, sums and writes sums. The source is in memory and commits are discarded, so only the engine differs.
// The bench checks that every pulse is in one grouped line and one sum, and that the sums are exact.

import type { AggregationEngine } from '@pulses/aggregation-api';
import { engineParts, engineSettings, type EngineName } from '@pulses/aggregation-registry';
import {
  type Connector,
  type OutputCommit,
  type Session,
  type SourceEvent,
  tenantOutputs,
} from '@pulses/connector-api';
import { nodeClock, nodeRandom } from '@pulses/shared-node-platform';
import { parseSettings } from '@pulses/shared-settings';
import { startRedis } from '@pulses/testing-services';
import { cpus } from 'node:os';
import { ignore, logger, runBenchPipeline } from './bench-pipeline';

const isSmoke = process.env['SMOKE'] === '1';
const KEYS = isSmoke ? 500 : 50_000;
const WINDOWS = isSmoke ? 2 : 3;
const WINDOW_PULSES = isSmoke ? 5_000 : 2_000_000;
const BATCH = isSmoke ? 500 : 5_000;
const WINDOW_MS = 5_000;
const TENANTS = 1_000;

function check(actual: unknown, expected: unknown, what: string): void {
  if (actual !== expected) throw new Error(`${what} is ${String(actual)}; it should be ${String(expected)}`);
}

/** Batches in which every key is equally frequent, in an order without a pattern. They are used repeatedly. */
function batches(): { bytes: Buffer; ends: Int32Array }[] {
  const order = Array.from({ length: KEYS }, (_, key) => (key * 7_919) % KEYS);
  return Array.from({ length: KEYS / BATCH }, (_, batch) => {
    const lines = order
      .slice(batch * BATCH, (batch + 1) * BATCH)
      .map(
        (key) =>
          `{"tenant_id":"tenant-${key % TENANTS}","product_sku":"sku-${key}","used_ammount":0.1,"use_unity":"requests"}`,
      );
    const ends: number[] = [];
    let end = 0;
    for (const line of lines) {
      end += line.length;
      ends.push(end);
      end += 1;
    }
    return { bytes: Buffer.from(`${lines.join('\n')}\n`), ends: Int32Array.from(ends) };
  });
}

/** Pulses a second. */
async function run(engine: AggregationEngine, source: ReturnType<typeof batches>): Promise<number> {
  const total = WINDOWS * WINDOW_PULSES;
  const abort = new AbortController();
  let [grouped, sums, pulses, tenths] = [0, 0, 0, 0n];
  const commit = ({ grouped: lines, aggregated }: OutputCommit): Promise<void> => {
    for (const count of lines?.counts ?? []) grouped += count;
    for (const { recordCount, payload } of tenantOutputs(aggregated)) {
      sums += recordCount;
      for (const line of Buffer.from(payload).toString().trimEnd().split('\n')) {
        pulses += Number(/"pulse_count":(\d+)/.exec(line)?.[1]);
        const [, whole = '', tenth = '0'] = /"total_amount":(\d+)(?:\.(\d))?,/.exec(line) ?? [];
        tenths += BigInt(whole) * 10n + BigInt(tenth);
      }
    }
    if (sums === WINDOWS * KEYS) abort.abort();
    return Promise.resolve();
  };
  let offset = 0;
  const next = (): Promise<SourceEvent> => {
    if (offset === total) return Promise.resolve({ kind: 'head', nextOffset: total, clockMs: WINDOWS * WINDOW_MS });
    const { bytes, ends } = source[(offset / BATCH) % source.length] as (typeof source)[number];
    const timestampMs = Math.floor((offset / WINDOW_PULSES) * WINDOW_MS);
    const baseOffset = offset;
    offset += BATCH;
    return Promise.resolve({
      kind: 'records',
      baseOffset,
      recordCount: BATCH,
      timestampMs,
      bytes,
      start: 0,
      ends,
      gap: 1,
    });
  };
  const session: Session = {
    source: { topic: 'source.pulses', incarnation: '0'.repeat(32) },
    startOffset: 0,
    positions: new Map(),
    sourceHead: () => Promise.resolve(total),
    read: () => ({ next, provePast: ignore, close: ignore }),
    commit,
    close: () => Promise.resolve(),
  };
  const connector: Connector = {
    name: 'bench',
    supports: { atomicCommit: true, standby: false, partitions: false },
    openSession: () => Promise.resolve(session),
    close: () => Promise.resolve(),
  };
  const start = performance.now();
  await runBenchPipeline({ connector, createEngine: () => engine, windowMs: WINDOW_MS }, abort.signal);
  const seconds = (performance.now() - start) / 1000;
  await engine.close();
  check(grouped, total, 'the count of grouped lines');
  check(pulses, total, 'the count of summed pulses');
  check(tenths, BigInt(total), 'the sum in tenths');
  return Math.round(total / seconds);
}

const server = await startRedis({ own: true, args: ['--appendonly', 'yes', '--appendfsync', 'everysec'] });
try {
  const source = batches();
  const engineOf = async (name: EngineName, round: number) => {
    const argv = [`--redis-url=${server.url}`, `--redis-prefix=bench-${round}`];
    const { values } = parseSettings(engineSettings, { argv, env: {}, readFile: () => '' });
    return (await engineParts(name, values, { clock: nodeClock, random: nodeRandom, logger })).create();
  };
  const rates = { memory: 0, redis: 0 };
  // The best of three, in turns: other programs on the machine slow down both engines alike.
  for (let round = 0; round < (isSmoke ? 1 : 3); round += 1) {
    rates.memory = Math.max(rates.memory, await run(await engineOf('memory', round), source));
    rates.redis = Math.max(rates.redis, await run(await engineOf('redis', round), source));
  }
  console.log(
    JSON.stringify({
      bench: 'pulses a second by engine',
      keys: KEYS,
      pulses: WINDOWS * WINDOW_PULSES,
      memoryPulsesPerSecond: rates.memory,
      redisPulsesPerSecond: rates.redis,
      redisToMemory: Math.round((rates.redis / rates.memory) * 100) / 100,
      machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node}`,
      smoke: isSmoke,
    }),
  );
} finally {
  await server.stop();
}
