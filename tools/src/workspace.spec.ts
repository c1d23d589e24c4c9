import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { scopes, types } from './boundaries.json';
import { kindOf } from './spec-kinds.mts';
import { WORKSPACE_ROOT, workspaceFiles } from './testing/scratch-workspace';

interface Target {
  readonly command?: string;
  readonly inputs?: readonly unknown[];
}

interface Project {
  readonly name: string;
  readonly tags: readonly string[];
  readonly targets: Readonly<Record<string, Target>>;
}

interface Manifest {
  readonly engines?: unknown;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

const read = (path: string) => readFileSync(join(WORKSPACE_ROOT, path), 'utf8');
const files = workspaceFiles();
const projects = new Map(
  files
    .filter((path) => path.endsWith('/project.json'))
    .map((path) => [dirname(path), JSON.parse(read(path)) as Project]),
);
const projectOf = (path: string) => [...projects.keys()].find((root) => path.startsWith(`${root}/`));

const E2E = 'apps/e2e';

const specsOf = (root: string) =>
  files
    .filter((path) => projectOf(path) === root && path.endsWith('.spec.ts'))
    .map((path) => ({ path, text: read(path), ...kindOf(path, read(path)) }))
    .filter(({ kind }) => kind !== 'docs');

const isSpecTarget = (name: string) => /^(test|int|fault|torture|e2e--.*)$/.test(name);

function targetsOf(root: string): Set<string> {
  const targets = new Set<string>();
  for (const { path, kind, isRandom } of specsOf(root)) {
    if (kind !== 'plain') targets.add(kind);
    else targets.add(root === E2E ? `e2e--${basename(path, '.spec.ts')}` : 'test');
    if (isRandom) targets.add('fault').add('torture');
  }
  return targets;
}

describe('the workspace', () => {
  it.each([...projects])('%s is named by its path and carries one known tag of each axis', (root, project) => {
    expect(project.name).toBe(root.replace(/^(apps|libs)\//, '').replaceAll('/', '-'));
    const [scope, type, ...others] = [...project.tags].sort();
    expect(others).toEqual([]);
    expect(Object.keys(scopes).map((name) => `scope:${name}`)).toContain(scope);
    expect(Object.keys(types).map((name) => `type:${name}`)).toContain(type);
  });

  it('has no test or bench file that no runner matches', () => {
    const unmatched = files.filter((path) => {
      if (/\.(spec|test)\.[cm]?[jt]sx?$/.test(path)) return !path.endsWith('.spec.ts') || projectOf(path) === undefined;
      if (/\.bench\.[cm]?[jt]s$/.test(path))
        return (
          !/\/bench\/[^/]+\.bench\.ts$/.test(path) || !('bench' in (projects.get(projectOf(path) ?? '')?.targets ?? {}))
        );
      return false;
    });
    expect(unmatched).toEqual([]);
  });

  it.each([...projects])('%s has a target for each kind of its specs, and no other', (root, { targets }) => {
    expect(Object.keys(targets).filter(isSpecTarget).sort()).toEqual([...targetsOf(root)].sort());
  });

  it.each([...projects])('%s asks the machine again for what its specs may lack', (root, { targets }) => {
    for (const { path, kind, text } of specsOf(root)) {
      const target = root === E2E ? `e2e--${basename(path, '.spec.ts')}` : kind === 'plain' ? 'test' : kind;
      const capabilities = [...text.matchAll(/\bitWith\('(\w+)'\)/g)].map(([, capability = '']) => capability);
      // What is not cached needs no inputs.
      if (root !== 'libs/testing/scale' && kind !== 'fault')
        expect([path, targets[target]?.inputs ?? []]).toEqual([path, expect.arrayContaining(capabilities)]);
    }
  });

  it('checks the types of all projects in one task, which every change selects', () => {
    const roots = [...projects].filter(([, { targets }]) => 'typecheck' in targets).map(([root]) => root);
    expect(roots).toEqual(['tools']);
  });

  it('runs each end-to-end spec as a target with inputs of its own', () => {
    const targets = projects.get(E2E)?.targets ?? {};
    for (const { path, kind, isRandom } of specsOf(E2E)) {
      if (kind !== 'plain') continue;
      const name = basename(path, '.spec.ts');
      const { command, inputs = [] } = targets[`e2e--${name}`] ?? {};
      expect(command).toBe(`node tools/src/run-specs.mts e2e {projectRoot} ${name}`);
      expect(inputs).toEqual(
        expect.arrayContaining(['helpers', `{projectRoot}/src/${name}.spec.ts`, '^code', 'bundles', 'runner']),
      );
      expect([name, inputs.includes('day')]).toEqual([name, isRandom]);
    }
  });

  it('maps every library to its import name', () => {
    const { compilerOptions } = JSON.parse(read('tsconfig.base.json')) as {
      compilerOptions: { paths: Record<string, readonly string[]> };
    };
    const libraries = [...projects].filter(([root]) => root.startsWith('libs/'));
    expect(compilerOptions.paths).toEqual(
      Object.fromEntries(libraries.map(([root, { name }]) => [`@pulses/${name}`, [`./${root}/src/index.ts`]])),
    );
  });

  it('pins every package exactly and keeps registry addresses out of the lockfile', () => {
    const manifest = JSON.parse(read('package.json')) as Manifest;
    const versions = Object.values({
      ...manifest.dependencies,
      ...manifest.devDependencies,
      ...manifest.optionalDependencies,
    });
    expect(versions.filter((version) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
    expect(read('package-lock.json')).not.toContain('"resolved"');
  });

  // npm compares them with its own Node at each `npx`, not with the pinned one; the bundles check the Node that runs them.
  it('asks npm for no version of Node', () => {
    expect((JSON.parse(read('package.json')) as Manifest).engines).toBeUndefined();
    expect(read('package-lock.json').split('"node_modules/')[0]).not.toContain('"engines"');
  });
});
