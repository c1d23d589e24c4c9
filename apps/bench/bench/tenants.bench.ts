// Does a pulse cost more with 100,000 tenants than with 10?
//
// The cost is CPU time of broker and ingestor, window sums included, once the topics and files of every tenant exist. The
// bench checks that every pulse is in one window sum, and that the sums are exact.

import { createPulsePool, isSmoke, lineAppends, report, sized } from '@pulses/testing-benches';
import { makeTempDirectory } from '@pulses/testing-processes';
import { exactUnits } from '@pulses/testing-system';
import { CHECKED, startGenerator, UNITS_A_MICRO, withBenchSystem } from './bench-system';

const TENANT_COUNTS = isSmoke ? [10, 200] : [10, 1_000, 100_000];
const SKUS = sized(1, 1, 'BENCH_SKUS');
const PULSES = sized(300_000, 20_000, 'BENCH_PULSES');
const WINDOW = isSmoke ? '1s' : '5s';
const FIRST_BATCH_PULSES = 1_000;
const COST_RATIO_MAX = 1.5;
/** Roughly the size of a grouped line. */
const LINE_BYTES = 190;

interface Cost {
  readonly tenants: number;
  readonly rate: number;
  readonly micros: number;
}

async function costOf(tenants: number): Promise<Cost> {
  return withBenchSystem([`--flush-interval=${WINDOW}`], async (bench) => {
    // The same number of pulses for each count, so that each run starts with equally compiled code.
    const firstPulses = Math.max(...TENANT_COUNTS) * SKUS;
    const batches = Math.ceil(firstPulses / FIRST_BATCH_PULSES);
    const first = createPulsePool({
      tenants,
      skus: SKUS,
      batchCount: batches,
      batchPulses: FIRST_BATCH_PULSES,
      isDense: true,
    });
    await bench.publish(first, batches);
    await bench.untilGrouped(batches * FIRST_BATCH_PULSES);
    await bench.untilClosed(batches * FIRST_BATCH_PULSES);
    await bench.untilSealed();

    const [start, before] = [performance.now(), bench.cpu()];
    const generator = startGenerator(bench.system.port, { pulses: PULSES, tenants, skus: SKUS });
    await bench.untilGrouped(batches * FIRST_BATCH_PULSES + PULSES);
    const seconds = (performance.now() - start) / 1000;
    const sent = await generator.summary();
    await bench.untilClosed(batches * FIRST_BATCH_PULSES + PULSES);
    await bench.untilSealed();
    const after = bench.cpu();
    const cpu = after.broker - before.broker + after.ingestor - before.ingestor;
    const cost = { tenants, rate: PULSES / seconds, micros: (cpu * 1e6) / PULSES };
    const units = exactUnits(sent.amount_acked) + first.microsOfFirst(batches) * UNITS_A_MICRO;
    await bench.checkOutputs({ pulses: batches * FIRST_BATCH_PULSES + PULSES, units });
    return cost;
  });
}

const costs: Cost[] = [];
for (const tenants of TENANT_COUNTS) costs.push(await costOf(tenants));
const [fewest, most] = [costs[0] as Cost, costs.at(-1) as Cost];
const directory = await makeTempDirectory();
let appends: number;
try {
  appends = lineAppends(directory.path, most.tenants, Buffer.alloc(LINE_BYTES, 'x'));
} finally {
  await directory.remove();
}
report('tenants', { pulses: PULSES, tenants: TENANT_COUNTS.join(' '), skus: SKUS, window: WINDOW }, [
  {
    question: `cost of a pulse, ${fewest.tenants} → ${most.tenants.toLocaleString('en-US')} tenants`,
    rate: most.rate,
    figure: { value: most.micros / fewest.micros, unit: '×' },
    detail: `CPU a pulse: ${costs.map(({ tenants, micros }) => `${tenants} tenants ${micros.toFixed(2)} µs`).join(', ')}`,
    targets: [{ about: 'figure', atMost: COST_RATIO_MAX }],
    baseline: {
      name: 'open, write and close a file for each line',
      value: appends,
      unit: 'lines/s',
      ratio: most.rate / appends,
    },
    checked: CHECKED,
  },
]);
