// Bundles one app into one file: node tools/src/bundle.mts apps/<app> [--failpoints]
//
// Guarantees: dist/apps/<app>/main.js runs alone, with no node_modules beside it, and an older Node gets
// a line that says which version is needed and exit code 2. With --failpoints it is dist/test-apps/<app>/main.js, the test
// build, which can be killed where libs/shared/failpoints says; the normal bundle holds nothing of that.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const NODE_MAJOR_MIN = 24;

// Plain old syntax: it has to run on the Node that is too old.
const versionGate =
  `if(parseInt(process.versions.node,10)<${NODE_MAJOR_MIN}){` +
  `process.stderr.write('Node.js ${NODE_MAJOR_MIN} or newer is needed; this is '+process.versions.node+'\\n');process.exit(2)}`;

const [projectRoot, option] = process.argv.slice(2);
if (!projectRoot || (option !== undefined && option !== '--failpoints'))
  throw new TypeError('usage: bundle.mts <project root> [--failpoints]');
const hasFailpoints = option === '--failpoints';
const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

await build({
  entryPoints: [join(projectRoot, 'src/main.ts')],
  outfile: join('dist', `${hasFailpoints ? 'test-' : ''}${projectRoot}`, 'main.js'),
  bundle: true,
  platform: 'node',
  format: 'cjs',
  // Syntax that an older Node still parses, so that the gate below can speak.
  target: 'node18',
  banner: { js: versionGate },
  define: { PULSES_VERSION: JSON.stringify(version), PULSES_FAILPOINTS: JSON.stringify(hasFailpoints) },
  // Calls of functions without a body fall away, with their arguments.
  minifySyntax: true,
  loader: { '.lua': 'text' },
  legalComments: 'none',
  tsconfig: 'tsconfig.base.json',
  logLevel: 'warning',
});
