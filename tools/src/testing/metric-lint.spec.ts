import { describe, expect, it } from '@jest/globals';
import { lintMetrics } from './metric-lint';

const family = (name: string, type: string, labels = '', help = 'Help.') =>
  `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name}${labels} 1\n`;

describe('the rules of metrics', () => {
  it.each([
    [family('a_total', 'counter', '{kind="x"}') + family('b_bytes', 'gauge'), []],
    [family('a_seconds', 'histogram', '_bucket{le="0.1"}'), []],
    [family('a', 'counter'), ['a counter metrics should have "_total" suffix']],
    [family('a_total', 'gauge'), ['a_total non-counter metrics should not have "_total" suffix']],
    [family('a', 'gauge', '', ''), ['a no help text']],
    [family('a_milliseconds', 'gauge'), ['a_milliseconds use base unit "seconds"']],
    [family('a_kibibytes', 'gauge'), ['a_kibibytes use base unit "bytes"']],
    [family('a_ms', 'gauge'), ['a_ms metric names should not contain abbreviated units']],
    [family('aB', 'gauge'), ['aB names should be snake_case']],
    [family('a', 'gauge', '{aB="x"}'), ['a names should be snake_case']],
    [family('a_gauge_bytes', 'gauge'), ["a_gauge_bytes metric name should not include type 'gauge'"]],
    [family('a_count', 'gauge'), ['a_count a gauge should not have "_count" suffix']],
    [family('a', 'gauge', '{b="1",le="x"}'), ['a only a histogram has the label "le"']],
    [family('a', 'gauge', '{quantile="0.5"}'), ['a only a summary has the label "quantile"']],
  ])('of %j find %j', (text, problems) => {
    expect(lintMetrics(text)).toEqual(problems);
  });
});
