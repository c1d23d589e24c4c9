// The page, as Markdown that reads well on a terminal too.

import type { Measure, Measurement } from '@pulses/testing-benches';
import { tableOf } from './table';

/** Where pages are kept, one for each day that was measured. */
const DIRECTORY = 'docs/benchmarks';

export interface PageOptions {
  /** Where the time goes, as Markdown. */
  readonly profile: string | undefined;
  readonly date: string;
  readonly isSmoke: boolean;
}

/** The document that holds the page of a date, from the workspace's root. */
export const documentOf = (date: string) => `${DIRECTORY}/${date}.md`;

/** Everything measured, as a document of its own. */
export function pageOf(measured: readonly Measurement[], { profile, date, isSmoke }: PageOptions): string {
  const machines = new Set(measured.map(({ machine }) => machine));
  const parts = [
    `# Benchmarks of ${date}`,
    'Written by `npx nx run bench:all --write`. [How to read this page](README.md).',
    `${[...machines].join('; ')}.${isSmoke ? ' Smoke sizes: the results are checked, the times mean nothing.' : ''}`,
    tableOf(
      ['question', 'measured', 'latency p50 / p99', 'target', 'baseline, same run', 'ratio', 'checked'],
      measured.flatMap(({ measures }) => measures.map(rowOf)),
    ),
    'Settings:',
    tableOf(['bench', 'settings'], measured.filter(({ skipped }) => skipped === undefined).map(settingsRow)),
    ...measured
      .filter(({ skipped }) => skipped !== undefined)
      .map(({ bench, skipped }) => `Skipped: ${bench}, ${skipped}.`),
    ...(profile === undefined ? [] : [profile]),
  ];
  return `${parts.join('\n\n')}\n`;
}

function rowOf(measure: Measure): string[] {
  const { question, latency, targets, baseline, checked } = measure;
  return [
    question,
    measuredText(measure),
    latency === undefined ? '–' : `${latency.p50Ms} / ${latency.p99Ms} ms (${latency.of})`,
    targets.length === 0 ? '–' : targets.map((target) => targetText(measure, target)).join(', '),
    baseline === undefined ? '–' : `${baseline.name}: ${numberText(baseline.value)} ${baseline.unit}`,
    baseline === undefined ? '–' : String(baseline.ratio),
    checked,
  ];
}

function measuredText({ rate, figure, detail }: Measure): string {
  const parts = [
    ...(figure === undefined ? [] : [`${numberText(figure.value)} ${figure.unit}`]),
    ...(rate === undefined ? [] : [`${numberText(rate)} pulses/s`]),
  ];
  return parts.join('; ') + (detail === undefined ? '' : ` (${detail})`);
}

type Target = Measure['targets'][number];

function targetText(measure: Measure, { about, atLeast, atMost }: Target): string {
  const value = valueOf(measure, about);
  const isMet =
    value !== undefined && (atLeast === undefined || value >= atLeast) && (atMost === undefined || value <= atMost);
  const bounds = [
    ...(atLeast === undefined ? [] : [`≥ ${numberText(atLeast)}`]),
    ...(atMost === undefined ? [] : [`≤ ${numberText(atMost)}`]),
  ];
  return `${about === 'figure' ? '' : `${about} `}${bounds.join(' ')} ${isMet ? '✓' : '✗'}`;
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
