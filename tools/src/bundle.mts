// Bundles one app into one file: node tools/src/bundle.mts apps/<app> [--failpoints]
//
// Guarantees: dist/apps/<app>/main.js runs alone, with no node_modules beside it. An older Node prints which version is
// needed and exits with 2. With main.js.map beside it, stack traces name TypeScript lines. --failpoints makes the test
// build, dist/test-apps/<app>/main.js, which can be killed at the points of libs/shared/failpoints; the normal bundle
// holds nothing of them. THIRD-PARTY-LICENSES.txt beside the bundle has the licence of each package in it.

import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { ALIASES, MODULE_URL, withoutKafkaClients, withoutLocales } from './bundle-packages.mts';
import { licencesOf } from './licences.mts';

const NODE_MAJOR_MIN = 24;
/** Syntax that an older Node still parses, so that the version gate can speak. */
const TARGET = 'node18';

// Old syntax: it has to run on the Node that is too old.
const versionGate =
  `if(parseInt(process.versions.node,10)<${NODE_MAJOR_MIN}){` +
  `process.stderr.write('Node.js ${NODE_MAJOR_MIN} or newer is needed; this is '+process.versions.node+'\\n');process.exit(2)}`;

/** What maps stack traces, as a statement that runs before everything else of the bundle. */
async function sourcePositions(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(dirname(fileURLToPath(import.meta.url)), 'source-positions.ts')],
    write: false,
    bundle: true,
    platform: 'node',
    format: 'iife',
    target: TARGET,
    minify: true,
  });
  return outputFiles[0]?.text ?? '';
}

const [projectRoot, option] = process.argv.slice(2);
if (!projectRoot || (option !== undefined && option !== '--failpoints'))
  throw new TypeError('usage: bundle.mts <project root> [--failpoints]');
const hasFailpoints = option === '--failpoints';
const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

const outputFolder = join('dist', `${hasFailpoints ? 'test-' : ''}${projectRoot}`);
const { metafile } = await build({
  entryPoints: [join(projectRoot, 'src/main.ts')],
  outfile: join(outputFolder, 'main.js'),
  bundle: true,
  platform: 'node',
  format: 'cjs',
  // Syntax that an older Node still parses, so that the gate can speak.
  target: 'node18',
  banner: { js: versionGate + (await sourcePositions()) },
  // A file of its own: inline, the map would be read and held at each start.
  sourcemap: 'linked',
  sourcesContent: false,
  define: {
    PULSES_VERSION: JSON.stringify(version),
    PULSES_FAILPOINTS: JSON.stringify(hasFailpoints),
    'import.meta.url': JSON.stringify(MODULE_URL),
  },
  alias: ALIASES,
  plugins: [withoutKafkaClients, withoutLocales],
  // Calls of functions without a body fall away, with their arguments.
  minifySyntax: true,
  loader: { '.lua': 'text' },
  // The licences are in a file of their own.
  legalComments: 'none',
  metafile: true,
  tsconfig: 'tsconfig.base.json',
  logLevel: 'warning',
});
writeFileSync(join(outputFolder, 'THIRD-PARTY-LICENSES.txt'), licencesOf(Object.keys(metafile.inputs)));
