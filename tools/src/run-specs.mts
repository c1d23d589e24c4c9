// Runs the specs of a project that belong to a target: node tools/src/run-specs.mts <target> <project root> [jest argument …]
//
//   test      x.spec.ts          no disk, socket or other process; random suites at the size of a sample
//   int       x.int.spec.ts      disk, sockets, Redis; random suites at the size of a sample
//   e2e       a name             one file of the end-to-end project, named by the next argument
//   fault     x.fault.spec.ts    what measures time or memory, and each random suite at its full size
//   torture   -                  each random suite at the nightly size
//
// A random suite is a spec whose size depends on the scale (see spec-kinds.mts). Samples and the nightly run start from a seed that changes each
// day; PULSES_TEST_SEED overrides it, PULSES_TEST_SCALE the size.

import { globSync, readFileSync } from 'node:fs';
import { createRequire, enableCompileCache } from 'node:module';
import { basename, resolve } from 'node:path';
import { kindOf, seedOfDay, type SpecKind } from './spec-kinds.mts';

// Jest is the same code in the run of each project.
enableCompileCache(resolve('.nx/compile-cache'));

type Target = 'test' | 'int' | 'e2e' | 'fault' | 'torture';
type Choice = (kind: SpecKind, isRandom: boolean, name: string) => boolean;

const [target, projectRoot, ...rest] = process.argv.slice(2);
const file = target === 'e2e' ? rest.shift() : undefined;
const CHOICES: Readonly<Record<Target, Choice>> = {
  test: (kind) => kind === 'plain',
  int: (kind) => kind === 'int',
  e2e: (_kind, _isRandom, name) => name === `${file}.spec.ts`,
  fault: (kind, isRandom) => kind === 'fault' || (isRandom && kind !== 'docs'),
  torture: (kind, isRandom) => isRandom && kind !== 'docs',
};

function isTarget(text: string | undefined): text is Target {
  return text !== undefined && text in CHOICES;
}

if (!isTarget(target) || projectRoot === undefined)
  throw new TypeError(`usage: run-specs.mts ${Object.keys(CHOICES).join('|')} <project root> [jest argument …]`);

const specs = globSync('**/*.spec.ts', { cwd: projectRoot, exclude: ['**/node_modules/**'] })
  .map((path) => resolve(projectRoot, path))
  .filter((path) => {
    const { kind, isRandom } = kindOf(path, readFileSync(path, 'utf8'));
    return CHOICES[target](kind, isRandom, basename(path));
  })
  .sort();
if (specs.length === 0) throw new TypeError(`${projectRoot} has no spec for the target ${target}`);

process.env['PULSES_TEST_SCALE'] ??= target === 'fault' || target === 'torture' ? target : 'sample';
if (target !== 'fault') process.env['PULSES_TEST_SEED'] ??= String(seedOfDay(Date.now()));
// What all specs of this run share, such as a Kafka, ends with this process.
process.env['PULSES_RUN_PID'] = String(process.pid);
const { PULSES_TEST_SCALE: scale, PULSES_TEST_SEED: seed } = process.env;
console.log(
  `scale ${scale}, ${seed === undefined ? 'seeds from 1' : `seed ${seed} (PULSES_TEST_SEED=${seed} repeats it)`}`,
);

// Guards against a hang. Where servers are started, one may have to be downloaded first.
const timeoutMs = target === 'test' ? 60_000 : 150_000;
const jest = createRequire(import.meta.url)('jest') as { run(args: readonly string[]): Promise<void> };
const how = ['--config', 'jest.config.mjs', '--rootDir', projectRoot, `--testTimeout=${timeoutMs}`];
await jest.run([...how, ...rest, '--runTestsByPath', ...specs]);
