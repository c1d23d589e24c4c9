// What all generators share: a project made by @nx/node, turned into one of this workspace.
//
// Guarantees: nothing outside the project changes but the import name in tsconfig.base.json and the project's row in
// docs/architecture.md. A project that exists already is an error, and then nothing is written.

import { generateFiles, names, updateJson, type ProjectType, type Tree } from '@nx/devkit';
import { applicationGenerator, libraryGenerator } from '@nx/node';
import { join, relative } from 'node:path';
import { addRow } from './project-row.mts';

export interface Project {
  /** Path from the workspace root, such as `libs/connector/kafka`. */
  readonly root: string;
  readonly scope: string;
  readonly type: string;
  readonly targets: readonly string[];
  /** The folder of `files/` that holds its sources. */
  readonly files: string;
  /** What it is, for docs/architecture.md: a few words without a full stop. */
  readonly description: string;
}

/** Files that @nx/node changes and that are this workspace's own business. */
const OURS = ['package.json', 'nx.json', '.vscode/launch.json'];

/** The name of a project: its path below apps/ or libs/, joined by dashes. */
export function projectNameOf(root: string): string {
  return root.replace(/^(apps|libs)\//, '').replaceAll('/', '-');
}

/** Leaves the formatting to the caller, which may write more. */
export async function addProject(tree: Tree, project: Project): Promise<void> {
  const { root } = project;
  if (tree.exists(root)) throw new Error(`${root} exists already`);
  const isApp = root.startsWith('apps/');
  const before = OURS.map((path) => [path, tree.read(path, 'utf8')] as const);
  const options = { directory: root, name: projectNameOf(root), linter: 'none', unitTestRunner: 'none' } as const;
  if (isApp) await applicationGenerator(tree, { ...options, e2eTestRunner: 'none', skipFormat: true });
  else await libraryGenerator(tree, { ...options, importPath: importNameOf(root), compiler: 'tsc', skipFormat: true });
  for (const [path, text] of before) if (text !== null) tree.write(path, text);
  for (const path of filesBelow(tree, root)) tree.delete(path);
  writeFiles(tree, project, isApp ? 'application' : 'library');
  updateJson(tree, 'tsconfig.base.json', withRelativePaths);
  addRow(tree, { root, name: projectNameOf(root), description: project.description });
}

function importNameOf(root: string): string {
  return `@pulses/${projectNameOf(root)}`;
}

function filesBelow(tree: Tree, directory: string): string[] {
  return tree
    .children(directory)
    .map((name) => join(directory, name))
    .flatMap((path) => (tree.isFile(path) ? [path] : filesBelow(tree, path)));
}

function writeFiles(tree: Tree, { root, scope, type, targets, files }: Project, projectType: ProjectType): void {
  const up = relative(root, '.');
  const json = (name: string, value: unknown) => {
    tree.write(join(root, name), JSON.stringify(value, undefined, 2));
  };
  json('project.json', {
    name: projectNameOf(root),
    $schema: `${up}/node_modules/nx/schemas/project-schema.json`,
    projectType,
    sourceRoot: `${root}/src`,
    tags: [`scope:${scope}`, `type:${type}`],
    targets: Object.fromEntries(targets.map((target) => [target, {}])),
  });
  json('tsconfig.json', { extends: `${up}/tsconfig.base.json`, include: ['**/*.ts'] });
  const { fileName, className, propertyName } = names(root.split('/').at(-1) ?? '');
  generateFiles(tree, join(import.meta.dirname, 'files', files), root, { fileName, className, propertyName });
}

interface BaseConfig {
  readonly compilerOptions: { readonly paths: Readonly<Record<string, readonly string[]>> };
}

/** The import names in order, each path as the others are written. */
function withRelativePaths({ compilerOptions, ...rest }: BaseConfig): BaseConfig {
  const paths = Object.entries(compilerOptions.paths)
    .map(([name, targets]) => [name, targets.map((path) => (path.startsWith('./') ? path : `./${path}`))] as const)
    .sort(([one], [other]) => (one < other ? -1 : 1));
  return { ...rest, compilerOptions: { ...compilerOptions, paths: Object.fromEntries(paths) } };
}
