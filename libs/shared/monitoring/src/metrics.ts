// The metrics of a service, in one registry of its own.
//
// Guarantees: a scrape changes no value, so any number of them can run at the same time. Names and types follow
// Prometheus's rules (`promtool check metrics`).

import type { Clock } from '@pulses/shared-ports';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { watchEventLoop } from './watch-event-loop';

/** A child of a counter. Hot paths keep it: an increment costs tens of nanoseconds. */
export interface CounterHandle {
  inc(count?: number): void;
}

export interface GaugeHandle {
  set(value: number): void;
}

export interface HistogramHandle {
  observe(value: number): void;
}

export interface Metrics {
  /** A counter without labels, visible from the start as 0. */
  counter(name: string, help: string): CounterHandle;
  /** One child for each value of a label. */
  labelledCounter<const Value extends string>(
    name: string,
    help: string,
    label: string,
    values: readonly Value[],
  ): Readonly<Record<Value, CounterHandle>>;
  gauge(name: string, help: string): GaugeHandle;
  /** A gauge with one child for each value of a label, from the start as 0. */
  labelledGauge<const Value extends string>(
    name: string,
    help: string,
    label: string,
    values: readonly Value[],
  ): Readonly<Record<Value, GaugeHandle>>;
  /** A gauge whose children are read at each scrape: the values by the value of a label. Others are gone. */
  observedLabelledGauge(
    name: string,
    help: string,
    label: string,
    read: () => Promise<ReadonlyMap<string, number>>,
  ): void;
  /** A gauge whose value is read at each scrape. */
  observedGauge(name: string, help: string, read: () => number | Promise<number>): void;
  /** A counter whose value is read at each scrape. It never falls. */
  observedCounter(name: string, help: string, read: () => number): void;
  /** Seconds, with buckets from 100 µs to 10 s. */
  secondsHistogram(name: string, help: string): HistogramHandle;
  /** The Prometheus text format, and its content type. */
  text(): Promise<{ body: string; contentType: string }>;
}

/** Default metrics that break Prometheus's rules, or that a scrape resets. */
const UNWANTED = /^nodejs_(active_\w+_total|eventloop_lag_\w+)$/;
/** The default's own histogram of the event loop is not used: so rare a sample costs nothing. */
const DEFAULT_PRECISION_MS = 2 ** 31 - 1;
const SECONDS_BUCKETS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** @param clock measures the lag of the event loop */
export function createMetrics(clock: Clock): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: DEFAULT_PRECISION_MS });
  for (const { name } of registry.getMetricsAsArray()) if (UNWANTED.test(name)) registry.removeSingleMetric(name);
  const registers = [registry];
  const metrics: Metrics = {
    counter: (name, help) => new Counter({ name, help, registers }),
    labelledCounter(name, help, label, values) {
      const counter = new Counter({ name, help, registers, labelNames: [label] });
      const children = values.map((value) => {
        const child = counter.labels(value);
        child.inc(0);
        return [value, child] as const;
      });
      return Object.fromEntries(children) as Record<(typeof values)[number], CounterHandle>;
    },
    gauge: (name, help) => new Gauge({ name, help, registers }),
    labelledGauge(name, help, label, values) {
      const gauge = new Gauge({ name, help, registers, labelNames: [label] });
      const children = values.map((value): [string, GaugeHandle] => {
        const child = gauge.labels(value);
        child.set(0);
        return [value, child];
      });
      return Object.fromEntries(children) as Record<(typeof values)[number], GaugeHandle>;
    },
    observedLabelledGauge(name, help, label, read) {
      new Gauge({
        name,
        help,
        registers,
        labelNames: [label],
        async collect() {
          const values = await read();
          this.reset();
          for (const [value, count] of values) this.labels(value).set(count);
        },
      });
    },
    observedGauge(name, help, read) {
      new Gauge({
        name,
        help,
        registers,
        async collect() {
          this.set(await read());
        },
      });
    },
    observedCounter(name, help, read) {
      new Counter({
        name,
        help,
        registers,
        collect() {
          this.reset();
          this.inc(read());
        },
      });
    },
    secondsHistogram: (name, help) => new Histogram({ name, help, registers, buckets: SECONDS_BUCKETS }),
    text: async () => ({ body: await registry.metrics(), contentType: registry.contentType }),
  };
  const lag = metrics.secondsHistogram('nodejs_eventloop_lag_seconds', 'How late a timer of the event loop runs.');
  watchEventLoop(clock, (seconds) => {
    lag.observe(seconds);
  });
  return metrics;
}
