// A broker and an ingestor under load, what benches read from them, and the check that nothing is lost or doubled.

import {
  check,
  cpuSeconds,
  mainThreadCpuSeconds,
  peakMemoryMiB,
  until,
  type Measure,
  type PulsePool,
} from '@pulses/testing-benches';
import { stopAll } from '@pulses/testing-processes';
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
const EARLY_SHARE = 0.3;
/** What `checkOutputs` compares, for the page. */
export const CHECKED = 'acknowledged = grouped = in window sums; sums exact';

export interface BenchSystem {
  readonly system: System;
  /** Publishes the first `batches` of a pool, and waits until all are acknowledged. */
  publish(pool: PulsePool, batches: number): Promise<void>;
  /** A value of the ingestor's metrics; NaN when it has no such metric. */
  metric(name: string): Promise<number>;
  /** The same of the broker. */
  brokerMetric(name: string): Promise<number>;
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
  /** Messages of all topics with their line feeds. */
  payloadBytes(): Promise<number>;
  /** CPU seconds so far. */
  cpu(): Cpu;
  /** In MiB, so far. */
  peakMemory(): Memory;
  /** Waits for the last window, compares all lines and sums, and stops both. @throws Error when a pulse is lost or doubled */
  checkOutputs(expected: { readonly pulses: number; readonly units: bigint }): Promise<void>;
}

export interface Cpu {
  readonly broker: number;
  readonly brokerMainThread: number;
  readonly ingestor: number;
}

export interface Memory {
  readonly broker: number;
  readonly ingestor: number;
}

export interface BenchSystemOptions {
  readonly window: string;
  readonly brokerArgs?: readonly string[];
}

/** Runs a bench on a new system, and removes the system afterwards, also when the bench fails. */
export async function withBenchSystem<T>(
  { window, brokerArgs = [] }: BenchSystemOptions,
  run: (bench: BenchSystem) => Promise<T>,
): Promise<T> {
  let system: System | undefined;
  try {
    system = await startSystem({ brokerArgs, ingestorArgs: ['--log-level=warn', `--flush-interval=${window}`] });
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
  const brokerMetric = async (name: string) => metricIn(await metricsAt(system.brokerHttpPort), name);
  const unsealedBytes = () => brokerMetric('pulses_unsealed_bytes');
  const position = (name: 'grouped' | 'windowed') => link.position(GROUP, SOURCE_TOPIC, name);
  const untilClosed = (pulses: number) => until(async () => (await position('windowed')) >= pulses);
  const groupedLines = async () => {
    const grouped = [...(await link.topics('tenants.')).values()].filter(({ topic }) =>
      topic.endsWith('.grouped.pulses'),
    );
    return grouped.reduce((sum, { nextOffset }) => sum + nextOffset, 0);
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
    brokerMetric,
    untilGrouped: (pulses) => until(async () => (await position('grouped')) >= pulses),
    untilClosed,
    untilSealed: () => until(async () => (await unsealedBytes()) === 0),
    groupedPulses: () => position('grouped'),
    groupedLines,
    payloadBytes: async () => [...(await link.topics('')).values()].reduce((sum, { bytes }) => sum + bytes, 0),
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

/** Resolves early in a window of the ingestor, so that a short load falls into one. */
export function untilEarlyInWindow(windowS: number): Promise<void> {
  return until(() => ((Date.now() / 1000) % windowS) / windowS < EARLY_SHARE);
}

/** One target for both programs. */
export function memoryMeasure(load: string, { broker, ingestor }: Memory, atMost: number): Measure {
  return {
    question: `memory ${load}, the larger one of broker and ingestor`,
    figure: { value: Math.max(broker, ingestor), unit: 'MiB' },
    detail: `broker ${broker.toFixed(0)}, ingestor ${ingestor.toFixed(0)}`,
    targets: [{ about: 'figure', atMost }],
    checked: `VmHWM; ${CHECKED}`,
  };
}

/** Count and exact sum of every published window, read from the broker. */
async function windowSums(link: BrokerLink): Promise<{ pulses: number; units: bigint }> {
  let [pulses, units] = [0, 0n];
  const all = [...(await link.topics('tenants.')).values()];
  const topics = all.filter(({ topic }) => topic.endsWith('.aggregated.pulses.amount'));
  const reader = async () => {
    for (let next = topics.pop(); next !== undefined; next = topics.pop()) {
      const { topic, nextOffset } = next;
      const lines = (await link.readText(topic, nextOffset)).trimEnd().split('\n');
      check(lines.length, nextOffset, `the count of lines of ${topic}`);
      for (const line of lines) {
        pulses += Number(numberText(line, 'pulse_count'));
        units += exactUnits(numberText(line, 'total_amount'));
      }
    }
  };
  await Promise.all(Array.from({ length: READERS }, reader));
  return { pulses, units };
}
