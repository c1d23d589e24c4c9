// How many pulses a second get from the source to a durable grouped line, while generator, broker and ingestor share this
// machine? With the check that every pulse is in one window sum, and that the sums are exact.

import { startApp, stopAll } from '@pulses/testing-processes';
import { globSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { exactUnits, numberText } from '../src/oracle';
import { startSystem, type System } from '../src/system';

const isSmoke = process.env['SMOKE'] === '1';
const PULSES = isSmoke ? 20_000 : 6_000_000;
const TENANTS = isSmoke ? 20 : 1_000;
const SKUS = 50;
const POLL_MS = 10;
const YARDSTICK_LINES = isSmoke ? 2_000 : 500_000;

async function metric(system: System, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${system.ingestorHttpPort}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

async function until(reached: () => Promise<boolean>): Promise<void> {
  while (!(await reached())) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}

function check(actual: unknown, expected: unknown, what: string): void {
  if (actual !== expected) throw new Error(`${what} is ${String(actual)}; it should be ${String(expected)}`);
}

/** Count and exact sum over every published window. */
function aggregated(dataDir: string): { pulses: number; units: bigint } {
  let [pulses, units] = [0, 0n];
  for (const path of globSync(`${dataDir}/topics/*.aggregated.pulses.amount/*.ndjson`))
    for (const line of readFileSync(path, 'utf8').trimEnd().split('\n')) {
      pulses += Number(numberText(line, 'pulse_count'));
      units += exactUnits(numberText(line, 'total_amount'));
    }
  return { pulses, units };
}

/** One core's JSON.parse of lines of the same kind, in lines a second. */
function parseRate(): number {
  const line = Buffer.from('{"tenant_id":"tenant-123","product_sku":"sku-12","used_ammount":48.123456,"use_unity":"requests"}');
  const start = performance.now();
  let parsed = 0;
  for (let index = 0; index < YARDSTICK_LINES; index += 1)
    if ((JSON.parse(line.toString('utf8')) as { tenant_id: string }).tenant_id.length > 0) parsed += 1;
  check(parsed, YARDSTICK_LINES, 'the count of parsed lines');
  return Math.round(YARDSTICK_LINES / ((performance.now() - start) / 1000));
}

const system = await startSystem({ ingestorArgs: [isSmoke ? '--flush-interval=1s' : '--flush-interval=5s'] });
try {
  const generator = startApp({
    app: 'stub-generator',
    args: [`--port=${system.port}`, '--rate=max', `--count=${PULSES}`, `--tenants=${TENANTS}`, `--skus=${SKUS}`],
  });
  await generator.waitForOutput(/"publishing"/);
  const start = performance.now();
  await until(async () => (await metric(system, 'pulses_grouped_total')) >= PULSES);
  const seconds = (performance.now() - start) / 1000;
  await generator.exited;
  const sent = JSON.parse(generator.stdout) as { pulses_acked: number; amount_acked: string; seconds: number };
  await until(async () => (await metric(system, 'pulses_open_window_keys')) === 0);

  check(sent.pulses_acked, PULSES, 'the count of acknowledged pulses');
  check(await metric(system, 'pulses_grouped_total'), PULSES, 'the count of grouped lines');
  await system.ingestor.stop();
  await system.broker.stop();
  const sums = aggregated(system.dataDir);
  check(sums.pulses, PULSES, 'the count of pulses in window sums');
  check(sums.units, exactUnits(sent.amount_acked), 'the sum of all windows, in 10^-30,');
  const json_parse = parseRate();
  const rate = Math.round(PULSES / seconds);
  console.log(
    JSON.stringify({
      bench: 'ingest',
      rate,
      of_json_parse: Number((rate / json_parse).toFixed(2)),
      produced: Math.round(PULSES / sent.seconds),
      json_parse,
      pulses: PULSES,
      tenants: TENANTS,
      skus: SKUS,
      machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node}`,
      smoke: isSmoke,
    }),
  );
} finally {
  await stopAll();
  await system.stop();
}
