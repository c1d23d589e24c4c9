import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { createScratchWorkspace, WORKSPACE_ROOT, type ScratchWorkspace } from './testing/scratch-workspace';

/** Lines added to files, by what the change is. */
const CHANGES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  leaf: { 'libs/aggregation/memory/src/index.ts': '\n' },
  compose: { 'docker/compose.yaml': '# one more line\n' },
  workflow: { '.github/workflows/ci.yml': '# one more line\n' },
  ci: { '.ci/run': '# one more line\n' },
  documents: Object.fromEntries(
    ['README.md', 'CONTRIBUTING.md', 'docs/architecture.md', 'docs/errors.md', 'docs/formats/broker-protocol.md'].map(
      (document) => [document, '\nOne more line.\n'],
    ),
  ),
  lockfile: { 'package-lock.json': '\n' },
};

describe('what a change selects', () => {
  let scratch: ScratchWorkspace;
  let everything: readonly string[];
  const affected = new Map<string, readonly string[]>();

  beforeAll(() => {
    scratch = createScratchWorkspace();
    const commits = Object.entries(CHANGES).map(([change, lines]) => {
      for (const [path, line] of Object.entries(lines)) appendFileSync(join(scratch.root, path), line);
      return scratch.commit(change);
    });
    everything = (JSON.parse(scratch.run('nx', ['show', 'projects', '--json'])) as string[]).sort();
    const printed = scratch.run('node', [join(WORKSPACE_ROOT, 'tools/src/testing/affected-projects.cjs'), ...commits]);
    for (const [index, line] of printed.trim().split('\n').entries())
      affected.set(Object.keys(CHANGES)[index] ?? '', JSON.parse(line) as string[]);
  }, 120_000);

  afterAll(() => {
    scratch.remove();
  });

  // The checks of the workspace read every source.
  it('selects a changed leaf library, what depends on it, and the checks of the workspace', () => {
    expect(affected.get('leaf')).toEqual([
      'aggregation-memory',
      'aggregation-registry',
      'bench',
      'e2e',
      'ingestor',
      'tools',
    ]);
  });

  it.each([
    ['compose', ['e2e', 'tools']],
    ['workflow', ['tools']],
    ['ci', ['tools']],
  ])('selects what reads the files of a change: %s', (change, projects) => {
    expect(affected.get(change)).toEqual(projects);
  });

  it('selects nothing for a change in documents', () => {
    expect(affected.get('documents')).toEqual([]);
  });

  it('selects every project for a change in the lockfile', () => {
    expect(everything.length).toBeGreaterThan(30);
    expect(affected.get('lockfile')).toEqual(everything);
  });
});
