import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { createScratchWorkspace, type ScratchWorkspace } from './testing/scratch-workspace';

describe('what a change selects', () => {
  let scratch: ScratchWorkspace;

  beforeAll(() => {
    scratch = createScratchWorkspace();
  }, 60_000);

  afterAll(() => {
    scratch.remove();
  });

  function affectedBy(path: string, addedLine: string): string[] {
    appendFileSync(join(scratch.root, path), addedLine);
    const head = scratch.commit(`change ${path}`);
    const printed = scratch.run('nx', [
      'show',
      'projects',
      '--affected',
      `--base=${head}~1`,
      `--head=${head}`,
      '--json',
    ]);
    return (JSON.parse(printed) as string[]).sort();
  }

  // The checks of the workspace read every source.
  it('selects a changed leaf library, what depends on it, and the checks of the workspace', () => {
    expect(affectedBy('libs/aggregation/memory/src/index.ts', '\n')).toEqual([
      'aggregation-memory',
      'aggregation-registry',
      'bench',
      'e2e',
      'ingestor',
      'tools',
    ]);
  }, 120_000);

  it.each([
    ['docker/compose.yaml', ['e2e', 'tools']],
    ['.github/workflows/ci.yml', ['tools']],
    ['.ci/run', ['tools']],
  ])(
    'selects what reads %s',
    (path, projects) => {
      expect(affectedBy(path, '# one more line\n')).toEqual(projects);
    },
    120_000,
  );

  it('selects nothing for a change in a document', () => {
    for (const document of ['README.md', 'docs/architecture.md', 'docs/errors.md', 'docs/formats/broker-protocol.md'])
      appendFileSync(join(scratch.root, document), '\nOne more line.\n');
    expect(affectedBy('CONTRIBUTING.md', '\nOne more line.\n')).toEqual([]);
  }, 120_000);

  it('selects every project for a change in the lockfile', () => {
    const everything = JSON.parse(scratch.run('nx', ['show', 'projects', '--json'])) as string[];
    expect(affectedBy('package-lock.json', '\n')).toEqual([...everything].sort());
  }, 120_000);
});
