// How much of a core do broker and ingestor use while idle? The bench checks that they process a load afterwards.

import { createPulsePool, isSmoke, report, sized } from '@pulses/testing-benches';
import { CHECKED, UNITS_A_MICRO, withBenchSystem } from './bench-system';

const TENANTS = sized(1_000, 20);
const BATCH_PULSES = 1_000;
const SECONDS = sized(15, 1, 'BENCH_SECONDS');
/** Other programs on the machine only add to the cost: the least of the periods counts. */
const PERIODS = sized(3, 1);
/** Until the last window is closed and compilation has ended. */
const SETTLE_MS = isSmoke ? 100 : 5_000;
const PERCENT_MAX = 1;

const pool = createPulsePool({ tenants: TENANTS, skus: 50, batchCount: 20, batchPulses: BATCH_PULSES });
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

await withBenchSystem(['--flush-interval=1s'], async (bench) => {
  await bench.publish(pool, 10);
  await bench.untilGrouped(10 * BATCH_PULSES);
  await bench.untilClosed(10 * BATCH_PULSES);
  await pause(SETTLE_MS);
  const periods: { broker: number; ingestor: number }[] = [];
  for (let period = 0; period < PERIODS; period += 1) {
    const [before, start] = [bench.cpu(), performance.now()];
    await pause(SECONDS * 1000);
    const [after, seconds] = [bench.cpu(), (performance.now() - start) / 1000];
    const percentOf = (part: 'broker' | 'ingestor') => ((after[part] - before[part]) * 100) / seconds;
    periods.push({ broker: percentOf('broker'), ingestor: percentOf('ingestor') });
  }
  const least = periods.reduce((one, other) =>
    one.broker + one.ingestor <= other.broker + other.ingestor ? one : other,
  );

  const woken = performance.now();
  await bench.publish(pool, 1);
  await bench.untilGrouped(11 * BATCH_PULSES);
  const wakeMs = performance.now() - woken;
  await bench.checkOutputs({
    pulses: 11 * BATCH_PULSES,
    units: (pool.microsOfFirst(10) + pool.microsOfFirst(1)) * UNITS_A_MICRO,
  });
  report('idle', { seconds: SECONDS, periods: PERIODS, tenants: TENANTS, window: '1s' }, [
    {
      question: 'idle CPU of broker + ingestor',
      figure: { value: least.broker + least.ingestor, unit: '% of a core' },
      detail: `least of ${PERIODS}; broker ${least.broker.toFixed(2)} %, ingestor ${least.ingestor.toFixed(2)} %; grouped ${wakeMs.toFixed(0)} ms after a load came`,
      targets: [{ about: 'figure', atMost: PERCENT_MAX }],
      checked: CHECKED,
    },
  ]);
});
