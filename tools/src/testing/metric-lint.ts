// The rules of `promtool check metrics` for names, types and help, so that no Prometheus is needed to keep them.
// Source: https://github.com/prometheus/client_golang/tree/main/prometheus/testutil/promlint/validations

interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly labels: readonly string[];
}

type Rule = (family: Family) => string | false;

const TYPES = ['counter', 'gauge', 'summary', 'histogram'];
const BASE_UNITS: readonly (readonly [RegExp, string])[] = [
  [/_((milli|micro|nano)seconds?|minutes?|hours?|days?|weeks?)(_|$)/, 'seconds'],
  [/_((kilo|mega|giga|tera|kibi|mebi|gibi|tebi)bytes?|bits?)(_|$)/, 'bytes'],
];
const SHORT_UNIT = /_(s|ms|us|ns|sec|b|kb|mb|gb|tb|pb|m|h|d)(_|$)/;
const SNAKE_CASE = /^[a-z][a-z0-9_]*$/;

const RULES: readonly Rule[] = [
  ({ help }) => help === '' && 'no help text',
  ({ name, type }) => type === 'counter' && !name.endsWith('_total') && 'counter metrics should have "_total" suffix',
  ({ name, type }) =>
    type !== 'counter' && name.endsWith('_total') && 'non-counter metrics should not have "_total" suffix',
  ({ name }) => {
    const [, unit] = BASE_UNITS.find(([pattern]) => pattern.test(name)) ?? [];
    return unit !== undefined && `use base unit "${unit}"`;
  },
  ({ name }) => SHORT_UNIT.test(name) && 'metric names should not contain abbreviated units',
  ({ name, labels }) => ![name, ...labels].every((word) => SNAKE_CASE.test(word)) && 'names should be snake_case',
  ({ name }) => {
    const named = TYPES.find((type) => new RegExp(`_${type}(_|$)`).test(name));
    return named !== undefined && `metric name should not include type '${named}'`;
  },
  ({ name, type }) => {
    const reserved = type === 'histogram' ? [] : type === 'summary' ? ['bucket'] : ['bucket', 'count', 'sum'];
    const suffix = reserved.find((word) => name.endsWith(`_${word}`));
    return suffix !== undefined && `a ${type} should not have "_${suffix}" suffix`;
  },
  ({ type, labels }) => type !== 'histogram' && labels.includes('le') && 'only a histogram has the label "le"',
  ({ type, labels }) => type !== 'summary' && labels.includes('quantile') && 'only a summary has the label "quantile"',
];

/** @param text a scrape in Prometheus's text format; @returns one line for each broken rule, as promtool prints them */
export function lintMetrics(text: string): string[] {
  return familiesOf(text).flatMap((family) =>
    RULES.map((rule) => rule(family)).flatMap((problem) => (problem === false ? [] : [`${family.name} ${problem}`])),
  );
}

function familiesOf(text: string): Family[] {
  return text
    .split(/^(?=# HELP )/m)
    .filter((part) => part.startsWith('# HELP '))
    .map((part) => {
      const [, name = '', help = ''] = /^# HELP (\S+) ?(.*)$/m.exec(part) ?? [];
      const [, type = 'untyped'] = /^# TYPE \S+ (\w+)$/m.exec(part) ?? [];
      const labels = [...part.matchAll(/[{,](\w+)="(?:[^"\\]|\\.)*"/g)].map(([, label = '']) => label);
      return { name, type, help, labels: [...new Set(labels)] };
    });
}
