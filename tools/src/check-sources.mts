// Checks the types and the rules of lint with one program: node tools/src/check-sources.mts [folder …]
//
// Without folders, of the whole workspace. Guarantees: ends with exit code 1 for an error or a warning of either. tsc and
// ESLint each with a program of its own take twice the time, most of it to parse and to infer the same types.

import { readCachedProjectGraph } from '@nx/devkit';
import { ESLint } from 'eslint';
import { relative, resolve } from 'node:path';
import ts from 'typescript';

const folders = process.argv.slice(2);

// Without Nx's graph of projects the rule of boundaries says nothing; this throws then.
readCachedProjectGraph();
// Where the program is not ESLint's own, that rule reads the graph again for each file, as an editor needs it.
process.argv[1] = resolve('node_modules/eslint/bin/eslint.js');

/** Every source that tsconfig.json names, or those of the folders and what they import. */
function createProgram(): ts.Program {
  const host: ts.ParseConfigFileHost = {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic: (diagnostic) => {
      throw new TypeError(ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n'));
    },
  };
  const config = ts.getParsedCommandLineOfConfigFile('tsconfig.json', { incremental: false }, host);
  if (config === undefined) throw new TypeError('no tsconfig.json');
  const roots = config.fileNames.filter((path) => folders.length === 0 || isBelow(path));
  return ts.createProgram({ rootNames: roots, options: config.options, configFileParsingDiagnostics: config.errors });
}

function isBelow(path: string): boolean {
  const fromRoot = relative('.', path);
  return folders.some((folder) => fromRoot.startsWith(`${folder}/`));
}

const program = createProgram();
const sources = program.getSourceFiles().filter(({ fileName }) => folders.length > 0 && isBelow(fileName));
const diagnostics =
  folders.length === 0
    ? ts.getPreEmitDiagnostics(program)
    : sources.flatMap((source) => ts.getPreEmitDiagnostics(program, source));
const formatHost: ts.FormatDiagnosticsHost = {
  getCurrentDirectory: () => process.cwd(),
  getCanonicalFileName: (path) => path,
  getNewLine: () => '\n',
};
process.stdout.write(ts.formatDiagnostics(diagnostics, formatHost));

const eslint = new ESLint({
  overrideConfig: {
    files: ['**/*.{ts,mts}'],
    languageOptions: { parserOptions: { projectService: false, programs: [program] } },
  },
});
// A project's own lint has a program for each project, which takes more than 4 GiB for all of them.
const results = await eslint.lintFiles(folders.length === 0 ? ['.'] : folders);
const formatter = await eslint.loadFormatter('stylish');
process.stdout.write(await formatter.format(results));
const complaints = results.reduce((sum, { errorCount, warningCount }) => sum + errorCount + warningCount, 0);
if (diagnostics.length + complaints === 0) console.log(`${results.length} files without a complaint`);
else process.exitCode = 1;
