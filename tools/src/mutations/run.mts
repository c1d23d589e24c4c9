// Puts bugs into a copy of the workspace and expects the tests to notice: node tools/src/mutations/run.mts [number …]
//
// Guarantees: the workspace itself is not touched. Ends with exit code 1 when a bug goes unnoticed, or when something else
// than the named test fails in its place.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createScratchWorkspace, type ScratchWorkspace } from '../testing/scratch-workspace.ts';
import { applyEdit, type Mutation } from './mutation.ts';
import { MUTATIONS } from './mutations.ts';

const TEST_MS_MAX = 60_000;

const numbers = process.argv.slice(2).map(Number);
const chosen = MUTATIONS.filter(({ number }) => numbers.length === 0 || numbers.includes(number));
if (chosen.length === 0 || !numbers.every((number) => MUTATIONS.some((mutation) => mutation.number === number)))
  throw new TypeError(
    `usage: run.mts [number …]; there are ${[...new Set(MUTATIONS.map(({ number }) => number))].join(', ')}`,
  );

function runNode(scratch: ScratchWorkspace, args: readonly string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: scratch.root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    // A sample may miss a bug.
    env: { ...process.env, PULSES_TEST_SCALE: 'fault' },
  });
  return { status, output: `${stdout}${stderr}` };
}

/** What went other than it should; undefined when the bug was noticed. */
function complaintOf(scratch: ScratchWorkspace, { test }: Mutation): string | undefined {
  for (const app of test.bundles ?? []) {
    const { status, output } = runNode(scratch, ['tools/src/bundle.mts', `apps/${app}`]);
    if (status !== 0) return `apps/${app} does not bundle:\n${output}`;
  }
  if (test.compilesKernel === true) {
    const { status, output } = runNode(scratch, ['tools/src/compile-kernel.mts']);
    if (status !== 0) return `the kernel does not compile:\n${output}`;
  }
  const jest = ['node_modules/jest/bin/jest.js', '--config', 'jest.config.mjs', '--rootDir', test.project];
  const which = ['--testPathPatterns', test.files, '--testNamePattern', test.name];
  // A bug may leave a test waiting, and something running behind it.
  const { output } = runNode(scratch, [
    ...jest,
    ...which,
    '--runInBand',
    `--testTimeout=${TEST_MS_MAX}`,
    '--forceExit',
  ]);
  const failed = output.split('\n').filter((line) => line.trimStart().startsWith('●'));
  return failed.some((line) => line.includes(test.name))
    ? undefined
    : `no failure of '${test.name}':\n${output.slice(-3000)}`;
}

const scratch = createScratchWorkspace();
let unnoticed = 0;
try {
  for (const mutation of chosen) {
    const startMs = performance.now();
    const originals = new Map(mutation.edits.map(({ file }) => [file, readFileSync(join(scratch.root, file), 'utf8')]));
    const texts = new Map(originals);
    for (const edit of mutation.edits) texts.set(edit.file, applyEdit(texts.get(edit.file) ?? '', edit));
    for (const [file, text] of texts) scratch.write(file, text);
    const complaint = complaintOf(scratch, mutation);
    for (const [file, text] of originals) scratch.write(file, text);
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    if (complaint !== undefined) unnoticed += 1;
    console.log(
      `${complaint === undefined ? 'noticed  ' : 'UNNOTICED'} ${String(mutation.number).padStart(2)} ${mutation.bug} (${seconds} s)`,
    );
    if (complaint !== undefined) console.log(complaint);
  }
} finally {
  scratch.remove();
}
console.log(`${chosen.length - unnoticed} of ${chosen.length} noticed`);
process.exitCode = unnoticed === 0 ? 0 : 1;
