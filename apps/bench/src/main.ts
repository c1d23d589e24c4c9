// One page of all benches: npx nx run bench:all [--write] [--smoke] [name …]
//
// Guarantees: one bench after the other, alone on the machine as far as this program can tell. The page is printed on
// standard output, progress on standard error. `--write` stores it as docs/benchmarks/<date>.md as well. `--smoke` runs
// the smallest sizes, whose times mean nothing. The first bench that fails, and a signal, end the run with exit code 1.
// The page then holds what was measured before, and is not stored. Temporary data is removed at exit, including on
// failure.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Measurement } from '@pulses/testing-benches';
import { workspaceRoot } from '@pulses/testing-processes';
import { documentOf, pageOf } from './page';
import { profileOf } from './profile';
import { benchNames, PROFILE, runBench } from './run-bench';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { smoke: { type: 'boolean', default: false }, write: { type: 'boolean', default: false } },
});
const all = [...benchNames(), PROFILE];
const names = positionals.length > 0 ? positionals : all;
const unknown = names.filter((name) => !all.includes(name));
if (unknown.length > 0) throw new TypeError(`no bench ${unknown.join(', ')}; there are ${all.join(', ')}`);

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

const commit = execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim();
const directory = mkdtempSync(join(tmpdir(), 'pulses-benches-'));
const ending = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    ending.abort(new Error(`ended by ${signal}`));
  });
}
const results: Measurement[] = [];
let profile: string | undefined;

async function measure(): Promise<void> {
  const run = { isSmoke: values.smoke, directory, ending: ending.signal };
  for (const [index, name] of names.entries()) {
    const step = `${index + 1}/${names.length} ${name}`;
    say(`${step} …`);
    const start = performance.now();
    if (name === PROFILE) profile = await profileOf(run);
    else results.push(...(await runBench(name, run)));
    say(`${step}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
  }
}

function write(page: string, date: string): void {
  const document = documentOf(date);
  writeFileSync(join(workspaceRoot(), document), page);
  say(`written to ${document}`);
}

function print(failure: Error | undefined): void {
  const date = new Date().toISOString().slice(0, 10);
  const page = pageOf(results, { profile, date, commit, isSmoke: values.smoke });
  process.stdout.write(page);
  if (failure !== undefined) {
    say(`${failure.message}; nothing after it was measured`);
    process.exitCode = 1;
  } else if (values.write) write(page, date);
}

try {
  print(
    await measure().then(
      () => undefined,
      (error: unknown) => error as Error,
    ),
  );
} finally {
  say('removing what was stored …');
  // Programs of a bench that was ended may be about to end, and make a file meanwhile.
  rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 500 });
}
