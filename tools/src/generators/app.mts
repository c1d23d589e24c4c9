// npx nx g ./tools:app <name>

import { formatFiles, updateJson, type Tree } from '@nx/devkit';
import { DOCUMENT } from './project-row.mts';
import { addProject } from './project.mts';

interface Boundaries {
  readonly scopes: Readonly<Record<string, readonly string[]>>;
}

export async function app(tree: Tree, { name }: { name: string }): Promise<() => void> {
  await addProject(tree, {
    root: `apps/${name}`,
    scope: name,
    type: 'app',
    targets: ['lint', 'build', 'serve', 'test'],
    files: 'app',
    description: `the ${name.replaceAll('-', ' ')}`,
  });
  // An app may import the shared libraries only, until its row says more.
  updateJson(tree, 'tools/src/boundaries.json', (boundaries: Boundaries) => ({
    ...boundaries,
    scopes: { ...boundaries.scopes, [name]: ['shared'] },
  }));
  await formatFiles(tree);
  return () => {
    console.log(`apps/${name} is made; say what it is in ${DOCUMENT}, where it has a row`);
  };
}
