// The metrics that the programs declare, read from their source.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WORKSPACE_ROOT, workspaceFiles } from './scratch-workspace';

export type MetricType = 'counter' | 'gauge' | 'histogram';

export interface DeclaredMetric {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  /** Name of its one label. */
  readonly label: string | undefined;
}

const TYPES: Readonly<Record<string, MetricType>> = {
  counter: 'counter',
  labelledCounter: 'counter',
  gauge: 'gauge',
  labelledGauge: 'gauge',
  observedGauge: 'gauge',
  observedLabelledGauge: 'gauge',
  observedCounter: 'counter',
  secondsHistogram: 'histogram',
};
/** A call of `Metrics` in libs/shared/monitoring: name, help and, of one with a label, the label. */
const DECLARATION = /\.(\w+)\(\s*'(pulses_\w+)',\s*'((?:[^'\\]|\\.)*)'(?:,\s*'(\w+)')?/g;

/** Every metric of a source text. */
export function metricsIn(source: string): DeclaredMetric[] {
  return [...source.matchAll(DECLARATION)].map(([, method = '', name = '', help = '', label]) => {
    const type = TYPES[method];
    if (type === undefined) throw new Error(`${name} is declared by ${method}, which is no kind of metric`);
    return { name, type, help, label };
  });
}

/** Every metric of the apps and libraries, by name; test and bench files aside. */
export function declaredMetrics(): ReadonlyMap<string, DeclaredMetric> {
  const sources = workspaceFiles().filter(
    (path) => /^(apps|libs)\/.*\.ts$/.test(path) && !/spec\.ts$|\/bench\//.test(path),
  );
  const metrics = sources.flatMap((path) => metricsIn(readFileSync(join(WORKSPACE_ROOT, path), 'utf8')));
  return new Map(metrics.map((metric) => [metric.name, metric]));
}
