// How many grouped pulses a second does `pulses totals` sum, over all tenants, from its start to its end? Are its sums exact?

import {
  check,
  cpuSeconds,
  createPulsePool,
  isSmoke,
  jsonParseBaseline,
  report,
  sized,
  type Measure,
} from '@pulses/testing-benches';
import { exactUnits, numberText } from '@pulses/testing-system';
import { UNITS_A_MICRO, withBenchSystem } from './bench-system';
import { measureCommand } from './measured-command';

const BATCH_PULSES = 1_000;
const BATCHES = Math.ceil(sized(3_000_000, 20_000, 'BENCH_PULSES') / BATCH_PULSES);
const PULSES = BATCHES * BATCH_PULSES;
const TENANTS = sized(1_000, 20);
const SKUS = 50;
const WINDOW = isSmoke ? '1s' : '5s';
const ROUNDS = sized(3, 1);
/** Its lines are the ones parsed for the baseline. */
const SAMPLE_TOPIC = 'tenants.tenant-1.grouped.pulses';

/** Count and exact sum of all totals. */
function sumOf(stdout: string): { readonly pulses: number; readonly units: bigint } {
  let [pulses, units] = [0, 0n];
  for (const line of stdout.trimEnd().split('\n')) {
    pulses += Number(numberText(line, 'pulse_count'));
    units += exactUnits(numberText(line, 'total_amount'));
  }
  return { pulses, units };
}

const pool = createPulsePool({ tenants: TENANTS, skus: SKUS, batchCount: sized(200, 20), batchPulses: BATCH_PULSES });

await withBenchSystem({ window: WINDOW }, async (bench) => {
  const { port, broker, ingestor } = bench.system;
  await bench.publish(pool, BATCHES);
  await bench.untilGrouped(PULSES);
  await ingestor.stop();

  const rounds = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = cpuSeconds(broker.pid);
    const { code, stdout, seconds, cpu } = await measureCommand(['totals', `--port=${port}`, '--json']);
    const brokerCpu = cpuSeconds(broker.pid) - before;
    check(code, 0, 'the exit code');
    const { pulses, units } = sumOf(stdout);
    check(pulses, PULSES, 'the count of pulses');
    check(units, pool.microsOfFirst(BATCHES) * UNITS_A_MICRO, 'the sum of all totals, in 10^-30,');
    rounds.push({ rate: PULSES / seconds, cpu, brokerCpu });
  }

  const { rate, cpu, brokerCpu } = rounds.reduce((one, other) => (other.rate > one.rate ? other : one));
  const sample = Buffer.from((await measureCommand(['cat', SAMPLE_TOPIC, `--port=${port}`])).stdout);
  const baseline = jsonParseBaseline([{ payload: sample }]);
  const micros = (seconds: number) => ((seconds * 1e6) / PULSES).toFixed(2);
  const measure: Measure = {
    question: '`pulses totals` of all tenants, from the grouped pulses',
    rate,
    detail: `best of ${ROUNDS}; CPU a pulse: totals ${micros(cpu)} µs, broker ${micros(brokerCpu)} µs`,
    targets: [{ about: 'rate', atLeast: 800_000 }],
    baseline: baseline(rate),
    checked: 'counts; sums exact',
  };
  report('totals', { pulses: PULSES, tenants: TENANTS, skus: SKUS }, [measure]);
});
