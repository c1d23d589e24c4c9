// Prints what the module boundaries say of imports, without a file for each: node lint-imports.mts
//
// Standard input is a JSON array of [path, imported]; each is linted as a file at that path with this one import. Standard
// output is a JSON array of the messages, in order. The rule needs the graph of projects but no types, so the rules of types
// are off.

import { createProjectGraphAsync } from '@nx/devkit';
import { ESLint } from 'eslint';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import tseslint from 'typescript-eslint';

const RULE = '@nx/enforce-module-boundaries';

// The rule reads the graph that this stores.
await createProjectGraphAsync();
// Where the program is not ESLint's own, it reads it again for each file, as an editor needs it.
process.argv[1] = resolve('node_modules/eslint/bin/eslint.js');
const eslint = new ESLint({ overrideConfig: { files: ['**/*.ts'], ...tseslint.configs.disableTypeChecked } as never });
const probes = JSON.parse(readFileSync(0, 'utf8')) as readonly (readonly [path: string, imported: string])[];
const answers: string[] = [];
for (const [filePath, imported] of probes) {
  const [result] = await eslint.lintText(`import '${imported}';\n`, { filePath });
  const found = result?.messages.filter(({ ruleId, fatal }) => ruleId === RULE || fatal === true);
  if (found === undefined) throw new Error(`${filePath} is not linted`);
  answers.push(found.map(({ message }) => message).join('\n'));
}
process.stdout.write(JSON.stringify(answers), () => {
  // Nx holds the process open.
  process.exit(0);
});
