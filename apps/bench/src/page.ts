// The page, as Markdown that reads well on a terminal too.

import type { Measure, Measurement } from '@pulses/testing-benches';
import { tableOf } from './table';

/** Where pages are kept, one for each day that was measured. */
const DIRECTORY = 'docs/benchmarks';

export interface PageOptions {
  /** Where the time goes, as Markdown. */
  readonly profile: string | undefined;
  readonly date: string;
  /** What was measured, as `git describe` names it. */
  readonly commit: string;
  readonly isSmoke: boolean;
}

/** The document that holds the page of a date, from the workspace's root. */
export const documentOf = (date: string) => `${DIRECTORY}/${date}.md`;

/** Everything measured, as a document of its own. Questions with a target come first. */
export function pageOf(measured: readonly Measurement[], options: PageOptions): string {
  const { profile, date, commit, isSmoke } = options;
  const machines = new Set(measured.map(({ machine }) => machine));
  const measures = measured.flatMap((measurement) => measurement.measures);
  const [aimed, others] = [measures.filter(hasTarget), measures.filter((measure) => !hasTarget(measure))];
  const parts = [
    `# Benchmarks of ${date}`,
    'Written by `npx nx run bench:all --write`. [How to read this page](README.md).',
    `Commit \`${commit}\`. ${[...machines].join('; ')}.${isSmoke ? ' Smoke sizes: the results are checked, the times mean nothing.' : ''}`,
    summaryOf(aimed),
    tableOf(
      ['question', 'measured', 'latency p50 / p99', 'target', 'baseline, same run', 'ratio', 'checked'],
      aimed.map((measure) => [...resultOf(measure), targetsText(measure), ...comparisonOf(measure)]),
    ),
    ...(others.length === 0 ? [] : ['Without a target:', tableOfOthers(others)]),
    'Settings:',
    tableOf(['bench', 'settings'], measured.filter(({ skipped }) => skipped === undefined).map(settingsRow)),
    ...measured
      .filter(({ skipped }) => skipped !== undefined)
      .map(({ bench, skipped }) => `Skipped: ${bench}, ${skipped}.`),
    ...(profile === undefined ? [] : [profile]),
  ];
  return `${parts.join('\n\n')}\n`;
}

const hasTarget = ({ targets }: Measure) => targets.length > 0;

function summaryOf(measures: readonly Measure[]): string {
  const met = measures.filter((measure) => measure.targets.every((target) => isMet(measure, target))).length;
  return `Targets of ${met} of ${measures.length} questions are met.`;
}

const tableOfOthers = (measures: readonly Measure[]): string =>
  tableOf(
    ['question', 'measured', 'latency p50 / p99', 'baseline, same run', 'ratio', 'checked'],
    measures.map((measure) => [...resultOf(measure), ...comparisonOf(measure)]),
  );

/** Question, result and latency. */
function resultOf(measure: Measure): string[] {
  const { question, latency } = measure;
  const latencyText = latency === undefined ? '–' : `${latency.p50Ms} / ${latency.p99Ms} ms (${latency.of})`;
  return [question, measuredText(measure), latencyText];
}

/** Baseline, ratio and check. */
function comparisonOf({ baseline, checked }: Measure): string[] {
  if (baseline === undefined) return ['–', '–', checked];
  return [`${baseline.name}: ${numberText(baseline.value)} ${baseline.unit}`, String(baseline.ratio), checked];
}

const targetsText = (measure: Measure): string =>
  measure.targets.map((target) => targetText(measure, target)).join(', ');

function measuredText({ rate, figure, detail }: Measure): string {
  const parts = [
    ...(figure === undefined ? [] : [`${numberText(figure.value)} ${figure.unit}`]),
    ...(rate === undefined ? [] : [`${numberText(rate)} pulses/s`]),
  ];
  return (parts.length === 0 ? '–' : parts.join('; ')) + (detail === undefined ? '' : ` (${detail})`);
}

type Target = Measure['targets'][number];

function isMet(measure: Measure, { about, atLeast, atMost }: Target): boolean {
  const value = valueOf(measure, about);
  return (
    value !== undefined && (atLeast === undefined || value >= atLeast) && (atMost === undefined || value <= atMost)
  );
}

function targetText(measure: Measure, target: Target): string {
  const { about, atLeast, atMost } = target;
  const bounds = [
    ...(atLeast === undefined ? [] : [`≥ ${numberText(atLeast)}`]),
    ...(atMost === undefined ? [] : [`≤ ${numberText(atMost)}`]),
  ];
  return `${about === 'figure' ? '' : `${about} `}${bounds.join(' ')} ${isMet(measure, target) ? '✓ met' : '✗ missed'}`;
}

function valueOf({ rate, latency, figure, baseline }: Measure, about: Target['about']): number | undefined {
  switch (about) {
    case 'rate':
      return rate;
    case 'p50':
      return latency?.p50Ms;
    case 'p99':
      return latency?.p99Ms;
    case 'figure':
      return figure?.value;
    case 'ratio':
      return baseline?.ratio;
  }
}

const settingsRow = ({ bench, settings }: Measurement): string[] => [bench, listOf(settings)];

function listOf(values: Measurement['settings']): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${typeof value === 'number' ? numberText(value) : value}`)
    .join(', ');
}

const numberText = (value: number) => value.toLocaleString('en-US', { maximumFractionDigits: value < 1000 ? 2 : 0 });
