// How much memory do broker and ingestor need for a window of a million keys, until its sums are published? And what does
// each sum cost the ingestor?
//
// The bench checks that every key is in the window sums, and that the sums are exact.

import { check, createPulsePool, report, sized } from '@pulses/testing-benches';
import { CHECKED, memoryMeasure, UNITS_A_MICRO, untilEarlyInWindow, withBenchSystem } from './bench-system';

const BATCH_PULSES = 1_000;
const SKUS = 50;
const TENANTS = sized(20_000, 40, 'BENCH_TENANTS');
const KEYS = TENANTS * SKUS;
const WINDOW_S = sized(30, 2);
const MEMORY_MIB_MAX = 512;
const SUM_MICROS_MAX = 2;

const pool = createPulsePool({
  tenants: TENANTS,
  skus: SKUS,
  batchCount: KEYS / BATCH_PULSES,
  batchPulses: BATCH_PULSES,
  isDense: true,
});

await withBenchSystem({ window: `${WINDOW_S}s` }, async (bench) => {
  // All keys fall into one window.
  await untilEarlyInWindow(WINDOW_S);
  await bench.publish(pool, pool.batches.length);
  await bench.untilGrouped(KEYS);
  check(await bench.metric('pulses_open_window_keys'), KEYS, 'the count of open keys');
  const before = bench.cpu();
  await bench.untilClosed(KEYS);
  const after = bench.cpu();
  check(await bench.metric('pulses_aggregated_total'), KEYS, 'the count of window sums');
  const memory = bench.peakMemory();
  await bench.checkOutputs({ pulses: KEYS, units: pool.microsOfFirst(pool.batches.length) * UNITS_A_MICRO });

  const sumMicros = (part: 'broker' | 'ingestor') => ((after[part] - before[part]) * 1e6) / KEYS;
  const checked = `${CHECKED}; a sum of every key`;
  report('open-keys', { keys: KEYS, tenants: TENANTS, skus: SKUS, window: `${WINDOW_S}s` }, [
    {
      question: "cost of a window sum, ingestor's CPU",
      figure: { value: sumMicros('ingestor'), unit: 'µs' },
      detail: `storing it costs the broker ${sumMicros('broker').toFixed(2)} µs`,
      targets: [{ about: 'figure', atMost: SUM_MICROS_MAX }],
      checked,
    },
    memoryMeasure(`with ${KEYS.toLocaleString('en-US')} open keys`, memory, MEMORY_MIB_MAX),
  ]);
});
