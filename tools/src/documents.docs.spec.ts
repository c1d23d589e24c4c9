import { describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { types } from './boundaries.json';
import { WORKSPACE_ROOT, workspaceFiles } from './testing/scratch-workspace';

interface Project {
  readonly name: string;
  readonly targets: Readonly<Record<string, unknown>>;
}

const read = (path: string) => readFileSync(join(WORKSPACE_ROOT, path), 'utf8');
const files = workspaceFiles();
const documents = files.filter((path) => /^(docs\/.*|[^/]+)\.md$/.test(path) && !path.startsWith('docs/api/'));
const decisions = files.filter((path) => /^docs\/adr\/\d{4}-.*\.md$/.test(path));
const projectFiles = files.filter((path) => path.endsWith('/project.json'));
const projects = new Map(
  projectFiles.map((path) => JSON.parse(read(path)) as Project).map((project) => [project.name, project]),
);
const { scripts } = JSON.parse(read('package.json')) as { scripts: Readonly<Record<string, string>> };
const generators = existsSync(join(WORKSPACE_ROOT, 'tools/generators.json'))
  ? Object.keys((JSON.parse(read('tools/generators.json')) as { generators: object }).generators)
  : [];

/** Lines that a document may have at most, without the rows of the projects' table: it grows with the projects. */
const LINES_MAX: Readonly<Record<string, number>> = {
  'README.md': 120,
  'CONTRIBUTING.md': 120,
  'docs/architecture.md': 110,
  'docs/performance.md': 120,
  'docs/upgrading.md': 60,
};
const PROJECT_ROW = /^\| `(?:apps|libs|tools)[^|]*` \|/;
const NOTES = 'docs/internals/performance-notes.md';

/** Flags of other programs, and of the tools' own scripts. */
const OTHER_FLAGS = new Set([
  ...['build', 'config', 'runInBand', 'verbose', 'help', 'version', 'cpu-prof', 'cpu-prof-dir'],
  ...['write', 'smoke', 'watch', 'type'],
]);
/** Parts of a document that are code: fenced, or between backticks. */
const codeOf = (markdown: string) =>
  [...markdown.matchAll(/^```\w*\n([^]*?)^```|`([^`\n]+)`/gm)].map(([, a, b]) => a ?? b ?? '');

const targetOf = (project: string, target: string) => projects.get(project)?.targets[target];

/** What is wrong with a call of Nx; undefined when nothing is, or when it names no project. */
function faultOf(call: string): string | undefined {
  const [first = '', second = ''] = call.split(/\s+/);
  const [runProject = '', runTarget = ''] = second.split(':');
  const isPlaceholder = /[A-Z<{]/.test(second);
  if (first === 'g') return generators.includes(runTarget) ? undefined : `no generator ${second}`;
  if (first === 'run') return targetOf(runProject, runTarget) === undefined ? `no target ${second}` : undefined;
  if (first === 'affected' || first === 'run-many' || first === 'graph' || isPlaceholder) return undefined;
  if (second === '' || second.startsWith('-')) return undefined;
  return targetOf(second, first) === undefined ? `${second} has no target ${first}` : undefined;
}

/** npm's own, which are no scripts. */
const NPM_COMMANDS: ReadonlySet<string> = new Set(['ci', 'audit', 'sbom']);

describe('documents', () => {
  it.each(Object.entries(LINES_MAX))('%s has at most %d lines', (path, linesMax) => {
    const lines = read(path).trimEnd().split('\n');
    expect(lines.filter((line) => !PROJECT_ROW.test(line)).length).toBeLessThanOrEqual(linesMax);
  });

  it('keep notes of the laboratory short', () => {
    expect(read(NOTES).split(/\s+/).length).toBeLessThanOrEqual(600);
  });

  it.each(documents)('%s calls targets, scripts and generators that exist', (path) => {
    const code = codeOf(read(path)).join('\n');
    const nx = [...code.matchAll(/\bnx ([^\n`#]+)/g)].flatMap(([, call = '']) => faultOf(call.trim()) ?? []);
    const npm = [...code.matchAll(/\bnpm (?:run (?:-s )?)?(test|[\w:-]+)/g)]
      .map(([, script = '']) => script)
      .filter((script) => !NPM_COMMANDS.has(script) && !(script in scripts));
    expect([...nx, ...npm]).toEqual([]);
  });

  it.each(documents)('%s names flags that exist', (path) => {
    const tables = `${read('docs/settings.md')}\n${read('docs/cli.md')}`;
    const known = new Set(
      [...tables.matchAll(/^\| `--([\w-]+)` \| ([a-z]*)/gm)].flatMap(([, flag = '', type]) =>
        type === 'secret' ? [flag, `${flag}-file`] : [flag],
      ),
    );
    const named = codeOf(read(path)).flatMap((code) =>
      [...code.matchAll(/(?<=^|[\s(])--([a-z][\w-]*)/gim)].map(([, flag = '']) => flag),
    );
    const isKnown = (flag: string) =>
      known.has(flag) || known.has(flag.replace(/^no-/, '')) || OTHER_FLAGS.has(flag) || /^(?:no-)?flag$/.test(flag);
    expect([...new Set(named)].filter((flag) => !isKnown(flag))).toEqual([]);
  });
});

describe('docs/performance.md', () => {
  const rows = [...read('docs/performance.md').matchAll(/^\| (`BENCH_[^|]*) \| ([^|]*) \|/gm)];
  const wordsIn = (cell = '') => [...cell.matchAll(/`([\w-]+)`/g)].map(([, word = '']) => word);
  const benches = files.filter((path) => /^apps\/bench\/.*\.ts$/.test(path));

  it('names the variables that benches read', () => {
    const documented = rows.flatMap(([, variables]) => wordsIn(variables));
    const declared = benches.flatMap((path) => [...read(path).matchAll(/'(BENCH_\w+)'/g)].map(([, name = '']) => name));
    expect(documented.sort()).toEqual([...new Set(declared)].filter((name) => name !== 'BENCH_DIR').sort());
  });

  it('names benches that exist', () => {
    const named = rows.flatMap(([, , names]) => wordsIn(names)).filter((name) => !name.startsWith('BENCH_'));
    expect(named.filter((name) => !benches.includes(`apps/bench/bench/${name}.bench.ts`))).toEqual([]);
    expect(named).toContain('ingest');
  });
});

describe('the check of calls', () => {
  it.each([
    ['serve ingestor --stub', undefined],
    ['run bench:all --write', undefined],
    ['affected -t test', undefined],
    ['bench <project>', undefined],
    ['srve ingestor', 'ingestor has no target srve'],
    ['run bench:every', 'no target bench:every'],
    ['g ./tools:nothing x', 'no generator ./tools:nothing'],
  ])('answers to nx %s: %s', (call, fault) => {
    expect(faultOf(call)).toBe(fault);
  });
});

describe('docs/benchmarks', () => {
  it('lists each page, newest first', () => {
    const pages = files.flatMap((path) => /^docs\/benchmarks\/(\d.*\.md)$/.exec(path)?.[1] ?? []);
    const listed = [...read('docs/benchmarks/README.md').matchAll(/^\| \[.*\]\((\d.*\.md)\) \|/gm)].map(
      ([, page]) => page,
    );
    expect(listed).toEqual(pages.sort().reverse());
  });
});

describe('decisions', () => {
  it.each(decisions)('%s has a number, a status, a date and at most 60 lines', (path) => {
    const text = read(path);
    const number = Number(/\/(\d{4})-/.exec(path)?.[1]);
    expect(text).toMatch(
      new RegExp(`^# ${number}\\. .+\n\n- Status: (proposed|accepted|superseded)[^]*?\n- Date: 20\\d\\d-\\d\\d-\\d\\d`),
    );
    expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(60);
  });

  it('have numbers of their own', () => {
    const numbers = decisions.map((path) => path.slice('docs/adr/'.length, 'docs/adr/'.length + 4));
    expect(new Set(numbers).size).toBe(numbers.length);
  });
});

describe('docs/architecture.md', () => {
  const text = read('docs/architecture.md');

  it('lists every project by folder and name', () => {
    const listed = [...text.matchAll(/^\| `((?:apps|libs)\/[\w/-]+|tools)` \| `([\w-]+)` \|/gm)].map(
      ([, folder, name]) => `${folder}: ${name}`,
    );
    const actual = projectFiles.map((path) => `${dirname(path)}: ${(JSON.parse(read(path)) as Project).name}`);
    expect(listed.sort()).toEqual(actual.sort());
  });

  it('has the table of types that lint enforces', () => {
    const rows = [...text.matchAll(/^\| `([\w-]+)` \| ([a-z, ]+) \|$/gm)].map(([, type = '', list = '']) => [
      type,
      list.split(', '),
    ]);
    expect(Object.fromEntries(rows)).toEqual(types);
  });
});
