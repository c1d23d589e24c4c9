// Runs the benches of a project: node tools/src/bench.mts <project root> [--smoke] [name …]
//
// Guarantees: each bench runs in a new process, so none warms up another. The first failure ends the run with its exit
// code. `--smoke` runs a size of a second or two, which checks results, not times.

import { globSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { runSource } from './run-source.mts';

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

for (const bench of benches) {
  const status = await runSource(bench, [], { ...process.env, ...(values.smoke ? { SMOKE: '1' } : {}) });
  if (status === 0) continue;
  console.error(`${bench} failed`);
  process.exitCode = status;
  break;
}
