// Runs a TypeScript program of the workspace: node tools/src/run-source.mts <file> [argument …]
//
// Guarantees: the program is bundled into a temporary directory and may import the workspace's libraries. It runs in the
// current directory with its arguments; its exit code becomes this one's. Signals are passed on, and the bundle is removed.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { build, type Plugin } from 'esbuild';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Stays in its folder, since it reads files beside its own at its start. */
const withFilesBeside: Plugin = {
  name: 'files-beside',
  setup(bundle) {
    bundle.onResolve({ filter: /^@platformatic\/kafka$/ }, ({ path }) => ({
      path: import.meta.resolve(path),
      external: true,
    }));
  },
};

/** Returns the exit code; 1 when a signal ended the program. */
export async function runSource(
  entry: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'pulses-run-'));
  let program: ChildProcess | undefined;
  let isEnding = false;
  const end = (signal: NodeJS.Signals): void => {
    isEnding = true;
    // Ctrl-C reaches the whole process group, the program included.
    if (signal !== 'SIGINT') program?.kill(signal);
  };
  for (const signal of SIGNALS) process.on(signal, end);
  try {
    const outfile = join(directory, `${basename(entry, '.ts')}.mjs`);
    await build({
      entryPoints: [entry],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node24',
      loader: { '.lua': 'text' },
      // Some packages load Node's modules with require.
      banner: {
        js: "import { createRequire as requireFrom } from 'node:module';const require=requireFrom(import.meta.url);",
      },
      tsconfig: 'tsconfig.base.json',
      plugins: [withFilesBeside],
      logLevel: 'warning',
    });
    if (isEnding) return 1;
    program = spawn(process.execPath, [outfile, ...args], { stdio: 'inherit', env });
    const [status] = (await once(program, 'close')) as [number | null];
    return status ?? 1;
  } finally {
    for (const signal of SIGNALS) process.off(signal, end);
    rmSync(directory, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  const [entry, ...args] = process.argv.slice(2);
  if (entry === undefined) throw new TypeError('usage: run-source.mts <file> [argument …]');
  process.exitCode = await runSource(entry, args);
}
