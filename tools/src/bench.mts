// Runs the benches of a project: node tools/src/bench.mts <project root> [--smoke] [name …]
//
// Guarantees: each bench is a process of its own, so none warms up another; the first that fails ends the run with its exit
// code. `--smoke` runs a size that takes a second or two and checks results, not times.

import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { smoke: { type: 'boolean', default: false } },
});
const [projectRoot, ...names] = positionals;
if (projectRoot === undefined) throw new TypeError('usage: bench.mts <project root> [--smoke] [name …]');

const benches = globSync(join(projectRoot, 'bench/*.bench.ts'))
  .sort()
  .filter((path) => names.length === 0 || names.includes(basename(path, '.bench.ts')));
if (benches.length === 0) throw new TypeError(`no bench ${names.join(', ')} in ${projectRoot}`);

const directory = mkdtempSync(join(tmpdir(), 'pulses-bench-'));
try {
  for (const bench of benches) {
    const outfile = join(directory, `${basename(bench, '.ts')}.mjs`);
    await build({
      entryPoints: [bench],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node24',
      loader: { '.lua': 'text' },
      // Some packages load Node's modules with require.
      banner: { js: "import { createRequire } from 'node:module';const require=createRequire(import.meta.url);" },
      tsconfig: 'tsconfig.base.json',
      logLevel: 'warning',
    });
    const { status } = spawnSync(process.execPath, [outfile], {
      stdio: 'inherit',
      env: { ...process.env, ...(values.smoke ? { SMOKE: '1' } : {}) },
    });
    if (status !== 0) {
      console.error(`${bench} failed`);
      process.exitCode = status ?? 1;
      break;
    }
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
