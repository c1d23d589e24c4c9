import { describe, expect, it } from '@jest/globals';
import type { Measure, Measurement } from '@pulses/testing-benches';
import { documentOf, pageOf } from './page';
import { inPageOrder, resultsOf } from './run-bench';

const OPTIONS = { profile: undefined, date: '2025-01-01', commit: 'abc1234', isSmoke: false };

const measurement = (...measures: Measure[]): Measurement => ({
  bench: 'some',
  machine: '2 × CPU, Node 24',
  smoke: false,
  settings: { pulses: 1_000_000, window: '5s' },
  measures,
});
const rowOf = (measure: Measure) => {
  const row = pageOf([measurement(measure)], OPTIONS)
    .split('\n')
    .find((line) => line.includes(measure.question));
  return row?.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '').trim());
};

describe('the page', () => {
  it('shows rate, latency, targets, baseline and check of each question', () => {
    const measure: Measure = {
      question: 'how fast',
      rate: 600_000,
      latency: { of: 'commit', p50Ms: 1.5, p99Ms: 20 },
      detail: 'in parts',
      targets: [
        { about: 'rate', atLeast: 600_000 },
        { about: 'ratio', atLeast: 0.3 },
        { about: 'p50', atMost: 1 },
        { about: 'p99', atMost: 20 },
      ],
      baseline: { name: 'parse', value: 2_400_000, unit: 'lines/s', ratio: 0.25 },
      checked: 'counts',
    };
    expect(rowOf(measure)).toEqual([
      'how fast',
      '600,000 pulses/s (in parts)',
      '1.5 / 20 ms (commit)',
      'rate ≥ 600,000 ✓ met, ratio ≥ 0.3 ✗ missed, p50 ≤ 1 ✗ missed, p99 ≤ 20 ✓ met',
      'parse: 2,400,000 lines/s',
      '0.25',
      'counts',
    ]);
  });

  it('marks a target as missed when its value is missing', () => {
    const measure: Measure = {
      question: 'what',
      figure: { value: 1.07, unit: '×' },
      targets: [{ about: 'rate', atLeast: 1 }],
      checked: 'sums',
    };
    expect(rowOf(measure)).toEqual(['what', '1.07 ×', '–', 'rate ≥ 1 ✗ missed', '–', '–', 'sums']);
    expect(rowOf({ ...measure, targets: [{ about: 'figure', atMost: 1.1 }] })?.[3]).toBe('≤ 1.1 ✓ met');
  });

  it('says how many questions meet all of their targets, and shows those without one apart', () => {
    const measure = (value: number, ...atMost: number[]): Measure => ({
      question: `is it ${value}`,
      figure: { value, unit: '×' },
      targets: atMost.map((bound) => ({ about: 'figure', atMost: bound })),
      checked: 'sums',
    });
    const page = pageOf([measurement(measure(1, 1, 2), measure(2), measure(3, 4, 2))], OPTIONS);
    expect(page).toContain('Targets of 1 of 2 questions are met.');
    expect(page).toMatch(/is it 1 [^]*is it 3 [^]*Without a target:[^]*is it 2 /);
  });

  it('names the commit, the machine once, the settings and what was skipped', () => {
    const page = pageOf([measurement(), { ...measurement(), bench: 'peer', skipped: 'there is no program' }], {
      ...OPTIONS,
      profile: 'Where the time goes',
    });
    expect(page.match(/2 × CPU, Node 24/g)).toHaveLength(1);
    expect(page).toContain('Commit `abc1234`. 2 × CPU');
    expect(page).toContain('| some  | pulses 1,000,000, window 5s |');
    expect(page).toContain('Skipped: peer, there is no program.');
    expect(page).toContain('Where the time goes');
  });

  it('is a document of its own, kept by its date', () => {
    expect(pageOf([measurement()], OPTIONS)).toMatch(
      /^# Benchmarks of 2025-01-01\n\n.*\(README\.md\)\.\n\nCommit `abc1234`. 2 × CPU/,
    );
    expect(documentOf(OPTIONS.date)).toBe('docs/benchmarks/2025-01-01.md');
  });
});

describe('the benches of the page', () => {
  it('come in the order of the page, unlisted ones last', () => {
    expect(inPageOrder(['new', 'idle', 'ingest', 'another'])).toEqual(['ingest', 'idle', 'another', 'new']);
  });

  it('are read from their output, and fail without a result', () => {
    const measured = measurement();
    expect(resultsOf('x', `warning\n${JSON.stringify(measured)}\n`)).toEqual([measured]);
    expect(() => resultsOf('x', '{"rate":1}\n')).toThrow('invalid');
    expect(() => resultsOf('x', 'nothing\n')).toThrow('bench x printed no result');
  });
});
