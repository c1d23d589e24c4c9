import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { scopes, types } from './boundaries.json';
import { WORKSPACE_ROOT, workspaceFiles } from './testing/scratch-workspace';

interface Project {
  readonly name: string;
  readonly tags: readonly string[];
  readonly targets: Readonly<Record<string, unknown>>;
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
      const targets = projects.get(projectOf(path) ?? '')?.targets ?? {};
      if (/\.docs\.spec\.ts$/.test(path)) return false;
      if (/\.(spec|test)\.[cm]?[jt]sx?$/.test(path))
        return !path.endsWith('.spec.ts') || !('test' in targets || 'e2e' in targets);
      if (/\.bench\.[cm]?[jt]s$/.test(path)) return !/\/bench\/[^/]+\.bench\.ts$/.test(path) || !('bench' in targets);
      return false;
    });
    expect(unmatched).toEqual([]);
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
