import { describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WORKSPACE_ROOT } from './testing/scratch-workspace';

interface LaunchConfiguration {
  readonly name: string;
  readonly request: 'launch' | 'attach';
  readonly program?: string;
  readonly preLaunchTask?: string;
}

const read = (path: string) => readFileSync(join(WORKSPACE_ROOT, path), 'utf8');
const { configurations, compounds } = JSON.parse(read('.vscode/launch.json')) as {
  configurations: readonly LaunchConfiguration[];
  compounds: readonly { readonly configurations: readonly string[] }[];
};
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
const launched = configurations.filter(({ request }) => request === 'launch');

describe('.vscode/launch.json', () => {
  it.each(launched)('$name starts a program that exists', ({ program = '', preLaunchTask }) => {
    const path = program.replace('${workspaceFolder}/', '');
    const [, app] = /^dist\/apps\/([^/]+)\/main\.js$/.exec(path) ?? [];
    expect(existsSync(join(WORKSPACE_ROOT, app === undefined ? path : `apps/${app}/src/main.ts`))).toBe(true);
    if (app !== undefined) expect(Object.keys(scripts).map((name) => `npm: ${name}`)).toContain(preLaunchTask);
  });

  it('starts together only what it declares', () => {
    const names = configurations.map(({ name }) => name);
    for (const name of compounds.flatMap((compound) => compound.configurations)) expect(names).toContain(name);
  });
});
