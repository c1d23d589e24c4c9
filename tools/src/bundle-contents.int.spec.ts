import { describe, expect, it } from '@jest/globals';
import { build } from 'esbuild';
import { join } from 'node:path';
import { ALIASES, MODULE_URL, withoutKafkaClients, withoutLocales } from './bundle-packages.mts';
import { WORKSPACE_ROOT } from './testing/scratch-workspace';

const HTTP_STACK = ['fastify', 'prom-client'];
/** Half of them are clients of message systems, which are loaded only when they are used. */
const CLI_BYTES_MAX = 2_900_000;

/** The npm packages in the bundle of an app, and the size of the bundle. */
async function contentsOf(app: string) {
  const { metafile, outputFiles } = await build({
    absWorkingDir: WORKSPACE_ROOT,
    entryPoints: [join('apps', app, 'src/main.ts')],
    outdir: 'dist',
    write: false,
    metafile: true,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node18',
    minifySyntax: true,
    loader: { '.lua': 'text' },
    define: { 'import.meta.url': JSON.stringify(MODULE_URL) },
    alias: ALIASES,
    plugins: [withoutKafkaClients, withoutLocales],
    legalComments: 'none',
    tsconfig: 'tsconfig.base.json',
    logLevel: 'error',
  });
  const packages = Object.keys(metafile.inputs).map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]);
  return { packages: new Set(packages), bytes: outputFiles[0]?.contents.length ?? 0 };
}

describe('the contents of a bundle', () => {
  it.each(['cli', 'stub-generator'])('of %s include no HTTP stack', async (app) => {
    const { packages } = await contentsOf(app);
    expect(HTTP_STACK.filter((name) => packages.has(name))).toEqual([]);
  });

  it('of the broker include the HTTP stack', async () => {
    const { packages } = await contentsOf('broker');
    expect(HTTP_STACK.filter((name) => packages.has(name))).toEqual(HTTP_STACK);
  });

  it(`of the CLI have at most ${CLI_BYTES_MAX} bytes`, async () => {
    expect((await contentsOf('cli')).bytes).toBeLessThanOrEqual(CLI_BYTES_MAX);
  });
});
