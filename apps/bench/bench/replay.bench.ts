// How fast is the open window rebuilt after the ingestor was killed?
//
// The bench checks that every key has its exact sum again, and that no pulse was grouped twice.

import { check, createPulsePool, jsonParseBaseline, report, sized, until } from '@pulses/testing-benches';
import { exactUnits } from '@pulses/testing-system';
import { UNITS_A_MICRO, withBenchSystem } from './bench-system';

const BATCH_PULSES = 1_000;
const BATCHES = Math.ceil(sized(6_000_000, 50_000, 'BENCH_PULSES') / BATCH_PULSES);
const PULSES = BATCHES * BATCH_PULSES;
/** With 50 SKUs: the most keys that the ingestor shows of its open window. */
const TENANTS = 200;
const SKUS = 50;
/** It ends at midnight UTC; a run across midnight fails its checks. */
const WINDOW = '1d';

interface Window {
  readonly cut: boolean;
  readonly next_offset: number;
  readonly sums: readonly { readonly total_amount: string; readonly pulse_count: number }[];
}

const pool = createPulsePool({ tenants: TENANTS, skus: SKUS, batchCount: sized(200, 50), batchPulses: BATCH_PULSES });

await withBenchSystem({ window: WINDOW }, async (bench) => {
  await bench.publish(pool, BATCHES);
  await bench.untilGrouped(PULSES);
  const start = performance.now();
  await bench.system.restart('ingestor', 'SIGKILL');
  const readySeconds = (performance.now() - start) / 1000;
  // A standby's lag is 0 too.
  const ready = `http://127.0.0.1:${bench.system.ingestorHttpPort}/readyz`;
  await until(async () => (await (await fetch(ready)).text()).includes('"active"'));
  await until(async () => (await bench.metric('pulses_source_lag')) === 0);
  const seconds = (performance.now() - start) / 1000;

  const url = `http://127.0.0.1:${bench.system.ingestorHttpPort}/windows/current`;
  const window = (await (await fetch(url)).json()) as Window;
  check(window.cut, false, 'whether sums were left out');
  check(window.next_offset, PULSES, 'the next offset');
  check(
    window.sums.reduce((sum, { pulse_count }) => sum + pulse_count, 0),
    PULSES,
    'the count of pulses in the window',
  );
  const units = window.sums.reduce((sum, { total_amount }) => sum + exactUnits(total_amount), 0n);
  check(units, pool.microsOfFirst(BATCHES) * UNITS_A_MICRO, 'the sum of the window, in 10^-30,');
  check(await bench.groupedLines(), PULSES, 'the count of grouped lines');

  const baseline = jsonParseBaseline(pool.batches);
  const rate = PULSES / seconds;
  report('replay', { pulses: PULSES, tenants: TENANTS, skus: SKUS, window: WINDOW }, [
    {
      question: 'rebuild of the open window after a crash',
      rate,
      figure: { value: seconds, unit: 's from the kill until caught up' },
      detail: `of which ${readySeconds.toFixed(2)} s until ready`,
      targets: [],
      baseline: baseline(rate),
      checked: 'all pulses in the window, sums exact, none grouped again',
    },
  ]);
});
