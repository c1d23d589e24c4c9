import { describe, expect, it } from '@jest/globals';
import { createMetrics } from '@pulses/shared-monitoring';
import { createSimClock } from '@pulses/testing-sim';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { declaredMetrics, metricsIn } from './testing/declared-metrics';
import { lintMetrics } from './testing/metric-lint';
import { namesIn } from './testing/promql';
import { WORKSPACE_ROOT } from './testing/scratch-workspace';

const OPERATING = 'docs/operating.md';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook: string };
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

const read = (path: string) => readFileSync(join(WORKSPACE_ROOT, path), 'utf8');
const metrics = declaredMetrics();
const rules = (parse(read('docker/prometheus-alerts.yaml')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  ({ rules: some }) => some,
);
const dashboard = JSON.parse(read('docker/grafana-dashboard.json')) as { panels: Panel[] };
const panels = dashboard.panels.filter(({ type }) => type !== 'row');

/** A scrape of the programs' own metrics and of the runtime's. */
async function scrape(): Promise<string> {
  const all = createMetrics(createSimClock());
  for (const { name, type, help, label } of metrics.values())
    if (type === 'histogram') all.secondsHistogram(name, help);
    else if (type === 'gauge') all.gauge(name, help);
    else if (label === undefined) all.counter(name, help);
    else all.labelledCounter(name, help, label, ['x']);
  return (await all.text()).body;
}

async function scrapedNames(): Promise<Set<string>> {
  const types = (await scrape()).matchAll(/^# TYPE (\S+) (\S+)/gm);
  const names = [...types].flatMap(([, name = '', type]) =>
    type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  );
  return new Set(['up', ...names]);
}

const labels = new Set(['job', 'instance', 'le', ...[...metrics.values()].flatMap(({ label }) => label ?? [])]);

async function unknownNamesIn(expression: string): Promise<string[]> {
  const known = await scrapedNames();
  const used = namesIn(expression);
  return [...used.series.filter((name) => !known.has(name)), ...used.labels.filter((label) => !labels.has(label))];
}

describe('the metrics', () => {
  it(`are in ${OPERATING}, each with its label, and no other is`, () => {
    const documented = [...read(OPERATING).matchAll(/^\| `(pulses_\w+(?:\{\w+\})?)` \|/gm)].map(([, name]) => name);
    const declared = [...metrics.values()].map(({ name, label }) => (label === undefined ? name : `${name}{${label}}`));
    expect(documented.sort()).toEqual(declared.sort());
  });

  it("follow Prometheus's rules of names, types and help", async () => {
    const text = await scrape();
    expect(metrics.size).toBeGreaterThan(10);
    for (const name of metrics.keys()) expect(text).toContain(`# TYPE ${name} `);
    expect(lintMetrics(text)).toEqual([]);
  });

  it('are found in the source as they are declared', () => {
    const source = `metrics.counter('pulses_a_total', 'It\\'s A.');
      metrics.labelledCounter(\n'pulses_b_total',\n'B.', 'reason', REASONS); metrics.secondsHistogram('pulses_c', 'C.')`;
    expect(metricsIn(source)).toEqual([
      { name: 'pulses_a_total', type: 'counter', help: "It\\'s A.", label: undefined },
      { name: 'pulses_b_total', type: 'counter', help: 'B.', label: 'reason' },
      { name: 'pulses_c', type: 'histogram', help: 'C.', label: undefined },
    ]);
    expect(() => metricsIn("metrics.counterOf('pulses_a_total', 'A.')")).toThrow('no kind of metric');
  });
});

describe('docker/prometheus-alerts.yaml', () => {
  it.each(rules.map((rule) => [rule.alert, rule] as const))('%s uses series that exist', async (_, rule) => {
    expect(await unknownNamesIn(rule.expr)).toEqual([]);
    expect(rule.for ?? '1m').toMatch(/^\d+[smh]$/);
    expect(['critical', 'warning', 'info']).toContain(rule.labels.severity);
    expect(rule.annotations.summary).not.toBe('');
  });

  it.each(rules.map((rule) => [rule.alert, rule] as const))('%s names a heading of the runbook', (_, rule) => {
    const [document, anchor = ''] = rule.annotations.runbook.split('#');
    expect(document).toBe(OPERATING);
    const headings = [...read(OPERATING).matchAll(/^#{2,} (.*)$/gm)].map(([, text = '']) =>
      text
        .toLowerCase()
        .replace(/[^a-z -]/g, '')
        .replaceAll(' ', '-'),
    );
    expect(headings).toContain(anchor);
  });

  it('has one rule of each name', () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    expect(rules.length).toBeGreaterThan(10);
  });
});

describe('docker/grafana-dashboard.json', () => {
  it.each(panels.map((panel) => [panel.title, panel] as const))('%s shows series that exist', async (_, panel) => {
    expect(panel.targets ?? []).not.toEqual([]);
    for (const { expr } of panel.targets ?? []) expect(await unknownNamesIn(expr)).toEqual([]);
  });

  it('shows every metric of the programs', () => {
    const shown = panels.flatMap(({ targets = [] }) => targets.flatMap(({ expr }) => namesIn(expr).series));
    const missing = [...metrics.keys()].filter((name) => !shown.some((series) => series.startsWith(name)));
    expect(missing).toEqual([]);
  });

  it('has panels with ids of their own that do not overlap', () => {
    const all = dashboard.panels;
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    const cells = all.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
  });
});

describe('the names of an expression', () => {
  it('are its series and labels, without functions, texts and ranges', () => {
    const expression =
      'histogram_quantile(0.99, sum by (le) (rate(a_bucket{job="x(y",b=~"z"}[5m]))) > 1e3 and on (c) d_total == 0';
    expect(namesIn(expression)).toEqual({ series: ['a_bucket', 'd_total'], labels: ['job', 'b', 'le', 'c'] });
  });

  it.each(['sum(rate(a[5m])', 'sum(a))', 'a{b="c}', 'sum(a]'])(
    'are refused where brackets do not match: %s',
    (text) => {
      expect(() => namesIn(text)).toThrow(text);
    },
  );
});
