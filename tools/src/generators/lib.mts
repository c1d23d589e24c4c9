// npx nx g ./tools:lib <scope>/<name> [--type=util]

import { formatFiles, readJson, type Tree } from '@nx/devkit';
import { DOCUMENT } from './project-row.mts';
import { addProject } from './project.mts';

export async function lib(tree: Tree, { name, type }: { name: string; type: string }): Promise<() => void> {
  const [scope = '', ...below] = name.split('/');
  const { scopes } = readJson<{ scopes: Record<string, unknown> }>(tree, 'tools/src/boundaries.json');
  if (!(scope in scopes)) throw new Error(`'${scope}' is no scope; allowed: ${Object.keys(scopes).join(', ')}`);
  await addProject(tree, {
    root: `libs/${name}`,
    scope,
    type,
    targets: ['lint', 'test'],
    files: 'lib',
    description: below.join(' ').replaceAll('-', ' '),
  });
  await formatFiles(tree);
  return () => {
    console.log(`libs/${name} is made; say what it is in ${DOCUMENT}, where it has a row`);
  };
}
