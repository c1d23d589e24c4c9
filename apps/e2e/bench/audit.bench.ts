// How many pulses a second does an audit prove, broker and audit on a core each? And is a forged line found in all that?

import { freePort, makeTempDirectory, startApp, stopAll, type RunningApp } from '@pulses/testing-processes';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { cpus } from 'node:os';
import { join } from 'node:path';

const isSmoke = process.env['SMOKE'] === '1';
const PULSES = isSmoke ? 20_000 : 3_000_000;
const TENANTS = isSmoke ? 20 : 1_000;
const SKUS = 50;
const ROUNDS = isSmoke ? 1 : 3;
const POLL_MS = 20;
const TICKS_A_SECOND = 100;
const YARDSTICK_LINES = isSmoke ? 2_000 : 500_000;
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

function check(actual: unknown, expected: unknown, what: string): void {
  if (actual !== expected) throw new Error(`${what} is ${String(actual)}; it should be ${String(expected)}`);
}

/** CPU seconds of a process so far; undefined once it has ended, or where the system does not tell. */
function cpuSeconds({ pid }: RunningApp): number | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /, '').split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
  } catch {
    return undefined;
  }
}

/** One core's JSON.parse of source lines, in lines a second. */
function parseRate(): number {
  const line = Buffer.from('{"tenant_id":"tenant-123","product_sku":"sku-12","used_ammount":48.123456,"use_unity":"requests"}');
  const start = performance.now();
  let parsed = 0;
  for (let index = 0; index < YARDSTICK_LINES; index += 1)
    if ((JSON.parse(line.toString('utf8')) as { tenant_id: string }).tenant_id.length > 0) parsed += 1;
  check(parsed, YARDSTICK_LINES, 'the count of parsed lines');
  return Math.round(YARDSTICK_LINES / ((performance.now() - start) / 1000));
}

const [port, brokerHttp, ingestorHttp] = [await freePort(), await freePort(), await freePort()];
const directory = await makeTempDirectory();
const broker = startApp({
  app: 'broker',
  args: [`--port=${port}`, `--http-port=${brokerHttp}`, `--data-dir=${join(directory.path, 'data')}`],
});

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${ingestorHttp}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

/** Publishes pulses, and waits until all of them are in the outputs. */
async function fill(): Promise<void> {
  const window = isSmoke ? '1s' : '5s';
  const ingestor = startApp({
    app: 'ingestor',
    args: [`--port=${port}`, `--http-port=${ingestorHttp}`, `--flush-interval=${window}`],
  });
  await ingestor.waitForReady();
  const generator = startApp({
    app: 'stub-generator',
    args: [`--port=${port}`, '--rate=max', `--count=${PULSES}`, `--tenants=${TENANTS}`, `--skus=${SKUS}`],
  });
  await generator.exited;
  while ((await metric('pulses_grouped_total')) < PULSES || (await metric('pulses_open_window_keys')) > 0)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  await ingestor.stop();
}

async function audit(): Promise<{ code: number | null; summary: Summary; lines: string[]; cpu: number; brokerCpu: number }> {
  const brokerBefore = cpuSeconds(broker) ?? NaN;
  const app = startApp({ app: 'cli', args: ['audit', `--port=${port}`, '--json'] });
  let cpu = NaN;
  const timer = setInterval(() => {
    cpu = cpuSeconds(app) ?? cpu;
  }, POLL_MS);
  const { code } = await app.exited;
  clearInterval(timer);
  const lines = app.stdout.trimEnd().split('\n');
  if (app.stderr !== '') throw new Error(app.stderr);
  const summary = JSON.parse(lines.at(-1) ?? '') as Summary;
  return { code, summary, lines, cpu, brokerCpu: (cpuSeconds(broker) ?? NaN) - brokerBefore };
}

/** Writes a line once more into the outputs, over the line protocol. */
async function forge(): Promise<void> {
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

try {
  await broker.waitForReady();
  await fill();
  const rounds = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const { code, summary, cpu, brokerCpu } = await audit();
    check(code, 0, 'the exit code');
    check(summary.equal, true, 'the verdict');
    check(summary.pulses, PULSES, 'the count of pulses');
    check(summary.grouped_lines, PULSES, 'the count of grouped lines');
    check(summary.aggregated_lines, summary.sums, 'the count of sums');
    rounds.push({ rate: PULSES / summary.seconds, cpu, brokerCpu });
  }
  await forge();
  const forged = await audit();
  check(forged.code, 1, 'the exit code with a forged line');
  check(forged.summary.differences, 1, 'the count of differences');
  check(forged.lines[0]?.includes(FORGED_TOPIC), true, 'that the difference names the topic');

  const best = rounds.reduce((one, other) => (other.rate > one.rate ? other : one));
  const perCpuSecond = (seconds: number) => (Number.isNaN(seconds) ? null : Math.round(PULSES / seconds));
  console.log(
    JSON.stringify({
      bench: 'audit',
      rate: Math.round(best.rate),
      per_cpu_second: perCpuSecond(best.cpu),
      broker_per_cpu_second: perCpuSecond(best.brokerCpu),
      json_parse: parseRate(),
      pulses: PULSES,
      tenants: TENANTS,
      skus: SKUS,
      machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node}`,
      smoke: isSmoke,
    }),
  );
} finally {
  await stopAll();
  await directory.remove();
}
