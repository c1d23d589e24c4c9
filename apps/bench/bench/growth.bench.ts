// Does a pulse cost more after a hundred million others?
//
// The cost is CPU time of broker and ingestor over one unbroken load, compared between its start and its end. The bench
// checks that every pulse is in one window sum, and that the sums are exact.

import { createPulsePool, isSmoke, jsonParseBaseline, report, sized } from '@pulses/testing-benches';
import { exactUnits } from '@pulses/testing-system';
import { CHECKED, startGenerator, withBenchSystem } from './bench-system';

const PULSES = sized(20_000_000, 40_000, 'BENCH_PULSES');
const SLICE_PULSES = isSmoke ? 5_000 : 1_000_000;
/** More than one, since costs vary with the windows and checkpoints in a slice. */
const SLICES_COMPARED = 3;
/** In these, code is still being compiled. */
const SLICES_SKIPPED = 1;
const TENANTS = sized(1_000, 20);
const SKUS = 50;
/** Without a rate, a load of a second would end before the first look. */
const RATE = isSmoke ? { rate: 20_000 } : {};
const WINDOW = isSmoke ? '1s' : '5s';
const COST_RATIO_MAX = 1.1;

interface Mark {
  readonly pulses: number;
  readonly ms: number;
  readonly cpu: number;
}

const SLICES = Math.floor(PULSES / SLICE_PULSES);
if (SLICES < SLICES_SKIPPED + 2 * SLICES_COMPARED)
  throw new TypeError(`at least ${(SLICES_SKIPPED + 2 * SLICES_COMPARED) * SLICE_PULSES} pulses`);

await withBenchSystem([`--flush-interval=${WINDOW}`], async (bench) => {
  const marks: Mark[] = [];
  const mark = async () => {
    const { broker, ingestor } = bench.cpu();
    marks.push({ pulses: await bench.groupedPulses(), ms: performance.now(), cpu: broker + ingestor });
  };
  const generator = startGenerator(bench.system.port, { pulses: PULSES, tenants: TENANTS, skus: SKUS, ...RATE });
  for (let slice = 0; slice <= SLICES; slice += 1) {
    await bench.untilGrouped(slice * SLICE_PULSES);
    await mark();
  }
  await bench.untilGrouped(PULSES);
  const sent = await generator.summary();
  const commit = await bench.commitPercentilesMs();
  await bench.checkOutputs({ pulses: PULSES, units: exactUnits(sent.amount_acked) });

  /** Between two marks, by the pulses counted there, which are at least those awaited. */
  const between = (from: number, to: number) => {
    const [start, end] = [marks[from] as Mark, marks[to] as Mark];
    const pulses = end.pulses - start.pulses;
    return { micros: ((end.cpu - start.cpu) * 1e6) / pulses, rate: pulses / ((end.ms - start.ms) / 1000) };
  };
  const early = between(SLICES_SKIPPED, SLICES_SKIPPED + SLICES_COMPARED);
  const recent = between(SLICES - SLICES_COMPARED, SLICES);
  const { batches } = createPulsePool({ tenants: TENANTS, skus: SKUS, batchCount: 20, batchPulses: 1_000 });
  const baseline = jsonParseBaseline(batches);
  report('growth', { pulses: PULSES, slice: SLICE_PULSES, tenants: TENANTS, skus: SKUS, window: WINDOW }, [
    {
      question: `cost of a pulse, start → end of ${PULSES.toLocaleString('en-US')}`,
      rate: recent.rate,
      latency: { of: 'commit, at most', p50Ms: commit.p50, p99Ms: commit.p99 },
      figure: { value: recent.micros / early.micros, unit: '×' },
      detail: `CPU a pulse: ${early.micros.toFixed(2)} µs, then ${recent.micros.toFixed(2)} µs`,
      targets: [{ about: 'figure', atMost: COST_RATIO_MAX }],
      baseline: baseline(recent.rate),
      checked: CHECKED,
    },
  ]);
});
