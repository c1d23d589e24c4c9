// What does a key of a delta cost from 1,000 to 1,000,000 keys in a window? How long is Redis held up at most, while
// keys are added and while the largest window is closed? With the check that every sum is exact.

import { createKeyTable, type KeyTable } from '@pulses/aggregation-api';
import { nodeClock, nodeRandom } from '@pulses/shared-node-platform';
import { SILENT_LOGGER } from '@pulses/shared-ports';
import { startRedis } from '@pulses/testing-services';
import { Redis } from 'ioredis';
import { cpus } from 'node:os';
import { createRedisEngine, parseRedisUrl, REDIS_ENGINE_DEFAULTS, type RedisEngine } from '../src';

const isSmoke = process.env['SMOKE'] === '1';
const KEY_COUNTS = isSmoke ? [1_000, 40_000] : [1_000, 10_000, 50_000, 100_000, 1_000_000];
const ROWS = isSmoke ? 80_000 : 2_000_000;
/** The rows that the engine gathers before it must send them. */
const DELTA_ROWS = REDIS_ENGINE_DEFAULTS.pendingRowsMax;
/** Other load on the machine prolongs some calls; the minimum of several reads shows the call itself. */
const READS = 3;
const SLICE = 8_192;
const LIMBS = 4;

function check(actual: unknown, expected: unknown, what: string): void {
  if (actual !== expected) throw new Error(`${what} is ${String(actual)}; it should be ${String(expected)}`);
}

function keysOf(count: number): KeyTable {
  const keys = createKeyTable({ keysMax: count });
  for (let id = 0; id < count; id += 1) {
    const text = Buffer.from(`tenant-${id % 997}sku-${id}requests`);
    const [tenantEnd, unitAt] = [`tenant-${id % 997}`.length, text.byteLength - 8];
    keys.idOf(text, 0, tenantEnd, tenantEnd, unitAt, unitAt, text.byteLength);
  }
  return keys;
}

/** Columns for deltas whose keys advance in strides, so that a delta spreads over the window. */
function columnsOf(rows: number) {
  return {
    ids: new Int32Array(rows),
    limbs: new Float64Array(rows * LIMBS),
    counts: new Float64Array(rows).fill(1),
    firstSeenMs: new Float64Array(rows).fill(1_000),
    lastSeenMs: new Float64Array(rows).fill(2_000),
  };
}

/** How long the scripts since `SLOWLOG RESET` held Redis up, in ms: half of them at most, nearly all, the longest. */
async function callsMs(redis: Redis): Promise<{ p50: number; p99: number; max: number }> {
  const entries = (await redis.slowlog('GET', 100_000)) as unknown[][];
  const times = entries
    .filter(([, , , command]) => (command as string[])[0]?.toLowerCase() === 'eval')
    .map(([, , micros]) => Number(micros) / 1000)
    .sort((left, right) => left - right);
  const at = (share: number) => round(times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? NaN);
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** CPU seconds of the Redis thread that runs commands, which other load on the machine does not affect. */
async function computedSeconds(redis: Redis): Promise<number> {
  const info = await redis.info('cpu');
  const of = (mode: string) => Number(new RegExp(`used_cpu_${mode}_main_thread:([0-9.]+)`).exec(info)?.[1]);
  return of('user') + of('sys');
}

/** Checks every sum: each key was added that often with its id and 0.999999999999999, whose carries make whole units. */
async function checkSums(engine: RedisEngine, keyCount: number, times: number): Promise<void> {
  let [counted, exact] = [0, 0];
  for (let from = 0; from < keyCount; from += SLICE) {
    const to = Math.min(keyCount, from + SLICE);
    const { counts, limbs } = await engine.sums(0, from, to);
    for (let row = 0; row < to - from; row += 1) {
      counted += counts[row] ?? NaN;
      if (limbs[row * LIMBS + 2] === 1e15 - times && (limbs[row * LIMBS + 1] ?? NaN) >= times - 1) exact += 1;
    }
  }
  check(counted, keyCount * times, 'the count of pulses');
  check(exact, keyCount, 'the count of exact sums');
}

const server = await startRedis({ own: true, args: ['--slowlog-log-slower-than', '0', '--slowlog-max-len', '100000'] });
const redis = new Redis(server.port);
const engine = createRedisEngine({
  address: parseRedisUrl(server.url),
  prefix: 'bench',
  clock: nodeClock,
  random: nodeRandom,
  logger: SILENT_LOGGER,
  lingerMs: 0,
});
try {
  const results: { keys: number; addMicros: number; addRedisMicros: number }[] = [];
  let longestCloseMs = 0;
  for (const keyCount of KEY_COUNTS) {
    await redis.flushall();
    await engine.open({ topic: 'bench', incarnation: '0'.repeat(32), group: 'bench', windowMs: 5_000 }, 0);
    const keys = keysOf(keyCount);
    const deltaRows = Math.min(DELTA_ROWS, keyCount);
    const columns = columnsOf(deltaRows);
    let offset = 0;
    const passes = Math.max(1, Math.round(ROWS / keyCount));
    /** Adds each key once. */
    const pass = async (stride: number): Promise<void> => {
      for (let from = 0; from < keyCount; from += deltaRows) {
        const length = Math.min(deltaRows, keyCount - from);
        for (let row = 0; row < length; row += 1) {
          columns.ids[row] = stride === 1 ? from + row : ((from + row) * stride) % keyCount;
          columns.limbs[row * LIMBS + 1] = from + row;
          columns.limbs[row * LIMBS + 2] = 999_999_999_999_999;
        }
        await engine.add({
          windowStartMs: 0,
          fromOffset: offset,
          nextOffset: offset + length,
          keys,
          length,
          ...columns,
        });
        offset += length;
      }
    };
    await redis.slowlog('RESET');
    const startFirst = performance.now();
    await pass(1);
    const firstMs = performance.now() - startFirst;
    const computedBefore = await computedSeconds(redis);
    const start = performance.now();
    // A stride coprime with the counts, whose only prime factors are 2 and 5.
    for (let repeat = 0; repeat < passes; repeat += 1) await pass(7_919);
    const addMs = performance.now() - start;
    const computedS = (await computedSeconds(redis)) - computedBefore;
    const addCallsMs = await callsMs(redis);

    await redis.slowlog('RESET');
    const startClose = performance.now();
    check(await engine.seal(0), keyCount, 'the count of keys');
    const readCallsMs = [];
    for (let read = 0; read < READS; read += 1) {
      await checkSums(engine, keyCount, passes + 1);
      readCallsMs.push(await callsMs(redis));
      await redis.slowlog('RESET');
    }
    await engine.drop(0);
    const dropCallMs = (await callsMs(redis)).max;
    const closeMs = performance.now() - startClose;
    const closeCallsMs = readCallsMs.reduce((least, calls) => (calls.max < least.max ? calls : least));
    longestCloseMs = Math.max(closeCallsMs.max, dropCallMs);
    const result = {
      keys: keyCount,
      newKeyMicros: round((firstMs * 1000) / keyCount),
      addMicros: round((addMs * 1000) / (passes * keyCount)),
      addRedisMicros: round((computedS * 1_000_000) / (passes * keyCount)),
      closeMs: round(closeMs),
    };
    results.push(result);
    console.log(JSON.stringify({ ...result, addCallsMs, closeCallsMs, dropCallMs }));
  }
  const mostToLeast = (values: number[]) => round(Math.max(...values) / Math.min(...values));
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node}`;
  console.log(
    JSON.stringify({
      bench: 'cost of a key and longest hold-up of Redis',
      deltaRows: DELTA_ROWS,
      costMostToLeast: mostToLeast(results.map(({ addMicros }) => addMicros)),
      redisCostMostToLeast: mostToLeast(results.map(({ addRedisMicros }) => addRedisMicros)),
      longestCloseMs,
      machine,
      smoke: isSmoke,
    }),
  );
} finally {
  await engine.close();
  redis.disconnect();
  await server.stop();
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
