// The output of a bench: one JSON line, from which the page of all benches is made.

import { cpus } from 'node:os';
import { z } from 'zod';
import { isSmoke } from './checks';
import type { Samples } from './samples';

/** Two decimals; three for a ratio, which may be small. */
const SCALE = 100;
const RATIO_SCALE = 1_000;

const latencySchema = z.strictObject({
  /** The operation, as `acknowledgement`. */
  of: z.string(),
  p50Ms: z.number(),
  p99Ms: z.number(),
});

const targetSchema = z.strictObject({
  /** The value that it bounds. */
  about: z.enum(['rate', 'p50', 'p99', 'figure', 'ratio']),
  atLeast: z.number().optional(),
  atMost: z.number().optional(),
});

const measureSchema = z.strictObject({
  question: z.string(),
  /** Pulses a second. */
  rate: z.number().optional(),
  latency: latencySchema.optional(),
  /** A result that is neither. */
  figure: z.strictObject({ value: z.number(), unit: z.string() }).optional(),
  /** The parts of the result, in a few words. */
  detail: z.string().optional(),
  targets: z.array(targetSchema),
  /** A minimal program for the same task, measured in the same run. `ratio` is result divided by baseline. */
  baseline: z.strictObject({ name: z.string(), value: z.number(), unit: z.string(), ratio: z.number() }).optional(),
  /** What was counted and summed to prove that the work was done. */
  checked: z.string(),
});

export const measurementSchema = z.strictObject({
  bench: z.string(),
  machine: z.string(),
  smoke: z.boolean(),
  /** Why nothing was measured, for example because a server is not installed. */
  skipped: z.string().optional(),
  settings: z.record(z.string(), z.union([z.string(), z.number()])),
  measures: z.array(measureSchema),
});

/** The answer to one question. */
export type Measure = z.infer<typeof measureSchema>;

/** @param of the operation that the samples time, in milliseconds */
export function latencyOf(of: string, samples: Samples): NonNullable<Measure['latency']> {
  return { of, p50Ms: samples.at(0.5), p99Ms: samples.at(0.99) };
}

/** The results of one bench. */
export type Measurement = z.infer<typeof measurementSchema>;

/** Prints the results. Call it once, after the checks. */
export function report(bench: string, settings: Measurement['settings'], measures: readonly Measure[]): void {
  print({ bench, machine: machineText(), smoke: isSmoke, settings, measures: measures.map(rounded) });
}

/** Says why nothing was measured. */
export function skip(bench: string, reason: string): void {
  print({ bench, machine: machineText(), smoke: isSmoke, skipped: reason, settings: {}, measures: [] });
}

function print(measurement: Measurement): void {
  process.stdout.write(`${JSON.stringify(measurementSchema.parse(measurement))}\n`);
}

const machineText = () => `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node}`;

/** Rounded to meaningful digits. */
function rounded(measure: Measure): Measure {
  const { rate, latency, figure, baseline } = measure;
  return {
    ...measure,
    ...(rate === undefined ? {} : { rate: Math.round(rate) }),
    ...(latency === undefined
      ? {}
      : { latency: { ...latency, p50Ms: round(latency.p50Ms), p99Ms: round(latency.p99Ms) } }),
    ...(figure === undefined ? {} : { figure: { ...figure, value: round(figure.value) } }),
    ...(baseline === undefined
      ? {}
      : { baseline: { ...baseline, value: round(baseline.value), ratio: round(baseline.ratio, RATIO_SCALE) } }),
  };
}

const round = (value: number, scale = SCALE) => Math.round(value * scale) / scale;
