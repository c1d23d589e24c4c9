// How many pulses a second does an audit check, with broker and audit on a core each? Does it find a forged line?

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
import { startApp } from '@pulses/testing-processes';
import { connect } from 'node:net';
import { withBenchSystem } from './bench-system';
import { measureCommand } from './measured-command';

const BATCH_PULSES = 1_000;
const BATCHES = Math.ceil(sized(3_000_000, 20_000, 'BENCH_PULSES') / BATCH_PULSES);
const PULSES = BATCHES * BATCH_PULSES;
const TENANTS = sized(1_000, 20);
const SKUS = 50;
const WINDOW = isSmoke ? '1s' : '5s';
const ROUNDS = sized(3, 1);
const FORGED_TOPIC = 'tenants.tenant-1.grouped.pulses';

interface Summary {
  readonly equal: boolean;
  readonly differences: number;
  readonly pulses: number;
  readonly grouped_lines: number;
  readonly sums: number;
  readonly aggregated_lines: number;
  readonly seconds: number;
}

/** Runs an audit to its end; `cpu` is its CPU time in seconds. */
async function audit(port: number): Promise<{ code: number | null; summary: Summary; lines: string[]; cpu: number }> {
  const { code, stdout, cpu } = await measureCommand(['audit', `--port=${port}`, '--json']);
  const lines = stdout.trimEnd().split('\n');
  return { code, summary: JSON.parse(lines.at(-1) ?? '') as Summary, lines, cpu };
}

/** Writes a duplicate line to the outputs, over the line protocol. */
async function forge(port: number): Promise<void> {
  const first = startApp({ app: 'cli', args: ['cat', FORGED_TOPIC, `--port=${port}`, '--count=1'] });
  await first.exited;
  await new Promise<void>((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.end(`sink-connector_${FORGED_TOPIC}\n${first.stdout}`));
    socket.on('close', () => {
      resolve();
    });
    socket.on('error', reject);
    socket.resume();
  });
}

const pool = createPulsePool({ tenants: TENANTS, skus: SKUS, batchCount: sized(200, 20), batchPulses: BATCH_PULSES });

await withBenchSystem({ window: WINDOW }, async (bench) => {
  const { port, broker, ingestor } = bench.system;
  await bench.publish(pool, BATCHES);
  await bench.untilGrouped(PULSES);
  await bench.untilClosed(PULSES);
  await ingestor.stop();

  const rounds = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = cpuSeconds(broker.pid);
    const { code, summary, cpu } = await audit(port);
    check(code, 0, 'the exit code');
    check(summary.equal, true, 'the verdict');
    check(summary.pulses, PULSES, 'the count of pulses');
    check(summary.grouped_lines, PULSES, 'the count of grouped lines');
    check(summary.aggregated_lines, summary.sums, 'the count of sums');
    rounds.push({ rate: PULSES / summary.seconds, cpu, brokerCpu: cpuSeconds(broker.pid) - before });
  }
  await forge(port);
  const forged = await audit(port);
  check(forged.code, 1, 'the exit code with a forged line');
  check(forged.summary.differences, 1, 'the count of differences');
  check(forged.lines[0]?.includes(FORGED_TOPIC), true, 'whether the difference names the topic');

  const { rate, cpu, brokerCpu } = rounds.reduce((one, other) => (other.rate > one.rate ? other : one));
  const baseline = jsonParseBaseline(pool.batches);
  const micros = (seconds: number) => ((seconds * 1e6) / PULSES).toFixed(2);
  const measure: Measure = {
    question: 'audit of everything, from the source log',
    rate,
    detail: `best of ${ROUNDS}; CPU a pulse: audit ${micros(cpu)} µs, broker ${micros(brokerCpu)} µs`,
    targets: [{ about: 'rate', atLeast: 800_000 }],
    baseline: baseline(rate),
    checked: 'counts; a line forged afterwards is found and named',
  };
  report('audit', { pulses: PULSES, tenants: TENANTS, skus: SKUS }, [measure]);
});
