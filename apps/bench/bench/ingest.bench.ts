// How many pulses a second become durable grouped lines, and with how much memory?
//
// Generator, broker and ingestor share the machine. The bench checks that every pulse is in one window sum, and that the
// sums are exact.

import { createPulsePool, isSmoke, jsonParseBaseline, report, sized, type Measure } from '@pulses/testing-benches';
import { exactUnits } from '@pulses/testing-system';
import { CHECKED, startGenerator, withBenchSystem } from './bench-system';

const PULSES = sized(6_000_000, 20_000, 'BENCH_PULSES');
const TENANTS = sized(1_000, 20);
const SKUS = 50;
const WINDOW = isSmoke ? '1s' : '5s';
const MEMORY_MIB_MAX = 256;

await withBenchSystem([`--flush-interval=${WINDOW}`], async (bench) => {
  const generator = startGenerator(bench.system.port, { pulses: PULSES, tenants: TENANTS, skus: SKUS });
  await generator.publishing;
  const [start, before] = [performance.now(), bench.cpu()];
  await bench.untilGrouped(PULSES);
  const seconds = (performance.now() - start) / 1000;
  const after = bench.cpu();
  const sent = await generator.summary();
  await bench.untilClosed(PULSES);
  const [memory, commit] = [bench.peakMemory(), await bench.commitPercentilesMs()];
  await bench.checkOutputs({ pulses: PULSES, units: exactUnits(sent.amount_acked) });

  const pool = createPulsePool({ tenants: TENANTS, skus: SKUS, batchCount: 20, batchPulses: 1_000 });
  const baseline = jsonParseBaseline(pool.batches);
  const rate = PULSES / seconds;
  const microsOf = (part: 'broker' | 'ingestor') => (((after[part] - before[part]) * 1e6) / PULSES).toFixed(2);
  const memoryOf = (part: 'broker' | 'ingestor'): Measure => ({
    question: `memory at full rate, ${part}`,
    figure: { value: memory[part], unit: 'MiB' },
    targets: [{ about: 'figure', atMost: MEMORY_MIB_MAX }],
    checked: 'VmHWM at the end of the run above',
  });
  report('ingest', { pulses: PULSES, tenants: TENANTS, skus: SKUS, window: WINDOW }, [
    {
      question: 'source → durable grouped lines and sums, own protocol',
      rate,
      latency: { of: 'commit, at most', p50Ms: commit.p50, p99Ms: commit.p99 },
      detail: `CPU a pulse: broker ${microsOf('broker')} µs, ingestor ${microsOf('ingestor')} µs; produced at ${Math.round(PULSES / sent.seconds)}/s`,
      targets: [
        { about: 'rate', atLeast: 600_000 },
        { about: 'ratio', atLeast: 0.3 },
      ],
      baseline: baseline(rate),
      checked: CHECKED,
    },
    memoryOf('broker'),
    memoryOf('ingestor'),
  ]);
});
