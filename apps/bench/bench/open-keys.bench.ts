// How much memory do broker and ingestor need for a window of a million keys, until its sums are published?
//
// The bench checks that every key is in the window sums, and that the sums are exact.

import { check, createPulsePool, jsonParseBaseline, report, sized, until, type Measure } from '@pulses/testing-benches';
import { CHECKED, UNITS_A_MICRO, withBenchSystem } from './bench-system';

const BATCH_PULSES = 1_000;
const SKUS = 50;
const TENANTS = sized(20_000, 40, 'BENCH_TENANTS');
const KEYS = TENANTS * SKUS;
const WINDOW_S = sized(30, 2);
/** The load starts early in a window, so that all keys fall into it. */
const EARLY_SHARE = 0.3;
const MEMORY_MIB_MAX = 512;

const pool = createPulsePool({
  tenants: TENANTS,
  skus: SKUS,
  batchCount: KEYS / BATCH_PULSES,
  batchPulses: BATCH_PULSES,
  isDense: true,
});

await withBenchSystem([`--flush-interval=${WINDOW_S}s`], async (bench) => {
  await until(() => ((Date.now() / 1000) % WINDOW_S) / WINDOW_S < EARLY_SHARE);
  const start = performance.now();
  const acknowledged = bench.publish(pool, pool.batches.length);
  await bench.untilGrouped(KEYS);
  const seconds = (performance.now() - start) / 1000;
  check(await bench.metric('pulses_open_window_keys'), KEYS, 'the count of open keys');
  await acknowledged;
  await bench.untilClosed(KEYS);
  check(await bench.metric('pulses_aggregated_total'), KEYS, 'the count of window sums');
  const [memory, commit] = [bench.peakMemory(), await bench.commitPercentilesMs()];
  await bench.checkOutputs({ pulses: KEYS, units: pool.microsOfFirst(pool.batches.length) * UNITS_A_MICRO });

  const baseline = jsonParseBaseline(pool.batches);
  const rate = KEYS / seconds;
  const measureOf = (part: 'broker' | 'ingestor'): Measure => ({
    question: `memory with ${KEYS.toLocaleString('en-US')} open keys, ${part}`,
    rate,
    latency: { of: 'commit, at most', p50Ms: commit.p50, p99Ms: commit.p99 },
    figure: { value: memory[part], unit: 'MiB' },
    targets: [{ about: 'figure', atMost: MEMORY_MIB_MAX }],
    baseline: baseline(rate),
    checked: `${CHECKED}; a sum of every key`,
  });
  report('open-keys', { keys: KEYS, tenants: TENANTS, skus: SKUS, window: `${WINDOW_S}s` }, [
    measureOf('broker'),
    measureOf('ingestor'),
  ]);
});
