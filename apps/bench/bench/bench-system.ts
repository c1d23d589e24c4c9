// A broker and an ingestor under load, what benches read from them, and the check that nothing is lost or doubled.

import {
  check,
  cpuSeconds,
  histogramPercentiles,
  mainThreadCpuSeconds,
  peakMemoryMiB,
  until,
  type Percentiles,
  type PulsePool,
} from '@pulses/testing-benches';
import { startApp, stopAll } from '@pulses/testing-processes';
import { exactUnits, numberText, startSystem, type System } from '@pulses/testing-system';
import { BrokerLink } from './broker-link';

/** The exact value of a millionth, in the oracle's 10^-30. */
export const UNITS_A_MICRO = 10n ** 24n;
export const SOURCE_TOPIC = 'source.pulses';
/** The group's name, as the connector gives it to the broker. */
const GROUP = `ingestor@${SOURCE_TOPIC}`;
/** Fewer than the streams that a connection may have. */
const READERS = 100;
const BATCHES_IN_FLIGHT = 32;
/** What `checkOutputs` compares, for the page. */
export const CHECKED = 'acknowledged = grouped = in window sums; sums exact';

export interface BenchSystem {
  readonly system: System;
  /** Publishes the first `batches` of a pool, and waits until all are acknowledged. */
  publish(pool: PulsePool, batches: number): Promise<void>;
  /** A value of the ingestor's metrics; NaN when it has no such metric. */
  metric(name: string): Promise<number>;
  /** Resolves once the grouped lines of this number of pulses are stored. It asks the broker, not the ingestor. */
  untilGrouped(pulses: number): Promise<void>;
  /** Resolves once this number of pulses is in stored window sums. */
  untilClosed(pulses: number): Promise<void>;
  /** Resolves once no full segment waits to be sealed. */
  untilSealed(): Promise<void>;
  /** The number of pulses with a stored grouped line. */
  groupedPulses(): Promise<number>;
  /** The number of grouped lines of all tenants. */
  groupedLines(): Promise<number>;
  commitPercentilesMs(): Promise<Percentiles>;
  /** CPU seconds so far. */
  cpu(): { broker: number; brokerMainThread: number; ingestor: number };
  peakMemory(): { broker: number; ingestor: number };
  /** Waits for the last window, compares all lines and sums, and stops both. @throws Error when a pulse is lost or doubled */
  checkOutputs(expected: { readonly pulses: number; readonly units: bigint }): Promise<void>;
}

/** The summary that a stub generator prints at its end. */
export interface GeneratorSummary {
  readonly pulses_acked: number;
  readonly amount_acked: string;
  readonly seconds: number;
}

/** Runs a bench on a new system, and removes the system afterwards, also when the bench fails. */
export async function withBenchSystem<T>(
  ingestorArgs: readonly string[],
  run: (bench: BenchSystem) => Promise<T>,
): Promise<T> {
  let system: System | undefined;
  try {
    system = await startSystem({ ingestorArgs: ['--log-level=warn', ...ingestorArgs] });
    return await run(benchOf(system, await BrokerLink.open(system.port)));
  } finally {
    await stopAll();
    await system?.stop();
  }
}

function benchOf(system: System, link: BrokerLink): BenchSystem {
  const metricsAt = async (port: number) => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const metricIn = (text: string, name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  const metrics = () => metricsAt(system.ingestorHttpPort);
  const metric = async (name: string) => metricIn(await metrics(), name);
  const unsealedBytes = async () => metricIn(await metricsAt(system.brokerHttpPort), 'pulses_unsealed_bytes');
  const position = (name: 'grouped' | 'windowed') => link.position(GROUP, SOURCE_TOPIC, name);
  const untilClosed = (pulses: number) => until(async () => (await position('windowed')) >= pulses);
  const groupedLines = async () => {
    const offsets = await link.topics('tenants.');
    return [...offsets].reduce((sum, [topic, offset]) => sum + (topic.endsWith('.grouped.pulses') ? offset : 0), 0);
  };
  const ofBoth = (figure: (pid: number) => number) => ({
    broker: figure(system.broker.pid),
    ingestor: figure(system.ingestor.pid),
  });
  return {
    system,
    async publish(pool, batches) {
      let next = 0;
      const producer = async () => {
        while (next < batches) {
          const { payload, recordCount } = pool.at(next);
          next += 1;
          await link.produce(SOURCE_TOPIC, payload, recordCount);
        }
      };
      await Promise.all(Array.from({ length: BATCHES_IN_FLIGHT }, producer));
    },
    metric,
    untilGrouped: (pulses) => until(async () => (await position('grouped')) >= pulses),
    untilClosed,
    untilSealed: () => until(async () => (await unsealedBytes()) === 0),
    groupedPulses: () => position('grouped'),
    groupedLines,
    async commitPercentilesMs() {
      const { p50, p99 } = histogramPercentiles(await metrics(), 'pulses_commit_seconds');
      return { p50: p50 * 1000, p99: p99 * 1000 };
    },
    cpu: () => ({ ...ofBoth(cpuSeconds), brokerMainThread: mainThreadCpuSeconds(system.broker.pid) }),
    peakMemory: () => ofBoth(peakMemoryMiB),
    async checkOutputs({ pulses, units }) {
      await untilClosed(pulses);
      check(await groupedLines(), pulses, 'the count of grouped lines');
      const sums = await windowSums(link);
      check(sums.pulses, pulses, 'the count of pulses in window sums');
      check(sums.units, units, 'the sum of all windows, in 10^-30,');
      link.close();
      await system.ingestor.stop();
      await system.broker.stop();
    },
  };
}

/** Publishes with the stub generator: at `rate` pulses a second, or as fast as the broker acknowledges. */
export function startGenerator(port: number, load: { pulses: number; tenants: number; skus: number; rate?: number }) {
  const { pulses, tenants, skus, rate = 'max' } = load;
  const generator = startApp({
    app: 'stub-generator',
    args: [`--port=${port}`, `--rate=${rate}`, `--count=${pulses}`, `--tenants=${tenants}`, `--skus=${skus}`],
  });
  return {
    publishing: generator.waitForOutput(/"publishing"/),
    /** Resolves at its end. @throws Error unless everything was acknowledged */
    async summary(): Promise<GeneratorSummary> {
      const { code } = await generator.exited;
      check(code, 0, 'the exit code of the generator');
      const summary = JSON.parse(generator.stdout) as GeneratorSummary;
      check(summary.pulses_acked, pulses, 'the count of acknowledged pulses');
      return summary;
    },
  };
}

/** Count and exact sum of every published window, read from the broker. */
async function windowSums(link: BrokerLink): Promise<{ pulses: number; units: bigint }> {
  let [pulses, units] = [0, 0n];
  const topics = [...(await link.topics('tenants.'))].filter(([topic]) => topic.endsWith('.aggregated.pulses.amount'));
  const reader = async () => {
    for (let next = topics.pop(); next !== undefined; next = topics.pop()) {
      const lines = (await link.readText(...next)).trimEnd().split('\n');
      check(lines.length, next[1], `the count of lines of ${next[0]}`);
      for (const line of lines) {
        pulses += Number(numberText(line, 'pulse_count'));
        units += exactUnits(numberText(line, 'total_amount'));
      }
    }
  };
  await Promise.all(Array.from({ length: READERS }, reader));
  return { pulses, units };
}
