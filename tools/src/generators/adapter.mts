// npx nx g ./tools:connector <name> and npx nx g ./tools:engine <name>

import { formatFiles, names, type Tree } from '@nx/devkit';
import { DOCUMENT } from './project-row.mts';
import { addProject } from './project.mts';

interface Kind {
  readonly scope: string;
  readonly files: string;
  /** The registry's source file, and its table. */
  readonly registry: string;
  readonly table: string;
  /** `kafka` and `Connector` make `kafkaConnector`. */
  readonly suffix: string;
  readonly targets: readonly string[];
  /** What a `kafka` is, for the table of projects. */
  readonly describe: (name: string) => string;
}

const CONNECTOR: Kind = {
  scope: 'connector',
  files: 'connector',
  registry: 'libs/connector/registry/src/connectors.ts',
  table: 'CONNECTORS',
  suffix: 'Connector',
  targets: ['lint', 'int'],
  describe: (name) => `${name} as such a system`,
};
const ENGINE: Kind = {
  scope: 'aggregation',
  files: 'engine',
  registry: 'libs/aggregation/registry/src/engines.ts',
  table: 'ENGINES',
  suffix: 'Engine',
  // Its conformance suite is random: it has a sample, a full and a nightly size.
  targets: ['lint', 'int', 'fault', 'torture'],
  describe: (name) => `sums in ${name}`,
};

export const connector = (tree: Tree, { name }: { name: string }) => addAdapter(tree, name, CONNECTOR);
export const engine = (tree: Tree, { name }: { name: string }) => addAdapter(tree, name, ENGINE);

async function addAdapter(tree: Tree, name: string, kind: Kind): Promise<() => void> {
  const { scope, files, targets } = kind;
  const description = kind.describe(name.replaceAll('-', ' '));
  await addProject(tree, { root: `libs/${scope}/${name}`, scope, type: 'adapter', targets, files, description });
  register(tree, name, kind);
  await formatFiles(tree);
  return () => {
    console.log(`libs/${scope}/${name} is registered; what is left to do:`);
    console.log(`  - write it until its conformance suite passes: npx nx int ${scope}-${name}`);
    console.log('  - name it in the settings reference:');
    console.log('    UPDATE_DOCS=1 npx jest --config jest.docs.config.mjs --runInBand apps/');
    console.log(`  - say what it is in ${DOCUMENT}, where it has a row`);
  };
}

/** Adds the import and the line of the table. */
function register(tree: Tree, name: string, { scope, registry, table, suffix }: Kind): void {
  const registration = `${names(name).propertyName}${suffix}`;
  const text = tree.read(registry, 'utf8') ?? '';
  const rows = new RegExp(`(?<=const ${table} = \\{\\n)(?:.*\\n)*?(?=\\} satisfies)`);
  const imports = [...text.matchAll(new RegExp(`^import .* from '@pulses/${scope}-(?!api').*';\\n`, 'gm'))];
  const lastImport = imports.at(-1)?.[0];
  if (lastImport === undefined || !rows.test(text)) throw new Error(`${registry}: no table ${table} to add a line to`);
  tree.write(
    registry,
    text
      .replace(lastImport, `${lastImport}import { ${registration} } from '@pulses/${scope}-${name}';\n`)
      .replace(rows, (lines) => `${lines}  '${name}': ${registration},\n`),
  );
}
