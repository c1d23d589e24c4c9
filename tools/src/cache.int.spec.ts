// What the cache of Nx may answer for: a task whose hash changes runs again.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { WORKSPACE_ROOT } from './testing/scratch-workspace';

interface HashedTask {
  readonly hash: string;
  /** Of the first environment only. */
  readonly files?: readonly string[];
}

type HashedTasks = Readonly<Record<string, HashedTask>>;

const VARIABLES = ['PULSES_TEST_SCALE', 'PULSES_TEST_SEED', 'REDIS_URL', 'NATS_URL', 'KAFKA_BROKERS'];
const RUNS_SPECS = /:(test|int|e2e--.*)$/;

describe('the smoke run of benches', () => {
  it('never answers from the cache: it reads servers, and a bench may skip without one', () => {
    const read = (path: string) => JSON.parse(readFileSync(join(WORKSPACE_ROOT, path), 'utf8')) as unknown;
    expect(read('nx.json')).toMatchObject({ targetDefaults: { smoke: { cache: false } } });
    expect(read('apps/bench/project.json')).not.toHaveProperty('targets.smoke.inputs');
  });
});

describe('the cache', () => {
  let directory: string;
  let plain: HashedTasks;
  let again: HashedTasks;
  let nextDay: HashedTasks;
  let unableTwice: readonly HashedTasks[];
  const withVariable = new Map<string, HashedTasks>();

  /** A PATH on which the program does this. */
  function pathWith(name: string, script: string): string {
    const bin = join(directory, `${name}-${script.length}`);
    mkdirSync(bin);
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
    return `${bin}${delimiter}`;
  }

  function hashesOf(environments: readonly Readonly<Record<string, string>>[]): HashedTasks[] {
    const printed = execFileSync(process.execPath, [join(WORKSPACE_ROOT, 'tools/src/testing/task-hashes.cjs')], {
      cwd: WORKSPACE_ROOT,
      encoding: 'utf8',
      input: environments.map((environment) => `${JSON.stringify(environment)}\n`).join(''),
      env: {
        ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !VARIABLES.includes(name))),
        NX_DAEMON: 'false',
        NX_WORKSPACE_DATA_DIRECTORY: join(directory, 'workspace-data'),
      },
      maxBuffer: 512 * 1024 * 1024,
    });
    return printed
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as HashedTasks);
  }

  const changed = (before: HashedTasks, after: HashedTasks) =>
    Object.keys(before).filter((id) => before[id]?.hash !== after[id]?.hash);

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'pulses-hashes-'));
    const path = process.env['PATH'] ?? '';
    const able = ['mount', 'umount', 'unshare'].map((name) => pathWith(name, 'exit 0')).join('') + path;
    const unable = ['mount', 'unshare'].map((name) => pathWith(name, 'echo must be superuser; exit 1')).join('') + path;
    const tomorrow = pathWith('date', 'echo 2999-01-01') + able;
    const environments = [
      { PATH: able },
      { PATH: able },
      { PATH: tomorrow },
      { PATH: unable },
      { PATH: unable },
      ...VARIABLES.map((name) => ({ PATH: able, [name]: '7' })),
    ];
    const [first = {}, second = {}, third = {}, ...rest] = hashesOf(environments);
    [plain, again, nextDay] = [first, second, third];
    unableTwice = rest.slice(0, 2);
    VARIABLES.forEach((name, index) => withVariable.set(name, rest[2 + index] ?? {}));
  }, 120_000);

  afterAll(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  it('answers for what has not changed', () => {
    expect(Object.keys(plain).filter((id) => RUNS_SPECS.test(id)).length).toBeGreaterThan(50);
    expect(changed(plain, again)).toEqual([]);
  });

  it.each(VARIABLES)('never answers for tests under another %s', (name) => {
    expect(changed(plain, withVariable.get(name) ?? {})).toEqual(
      Object.keys(plain).filter((id) => RUNS_SPECS.test(id)),
    );
  });

  it("never answers for another day's seed", () => {
    const again = changed(plain, nextDay);
    expect(again).toEqual(
      expect.arrayContaining(['broker-segment-log:test', 'aggregation-redis:int', 'e2e:e2e--failpoints']),
    );
    expect(again).not.toContain('e2e:e2e--cli');
  });

  it('never answers for a test that this machine could not run', () => {
    const [first = {}, second = {}] = unableTwice;
    const asking = ['broker-fsck:int', 'broker-segment-log:int', 'e2e:e2e--first-process'];
    expect(changed(plain, first).sort()).toEqual(asking);
    expect(changed(first, second).sort()).toEqual(asking);
  });

  it.each(['test', 'int'])('never answers for tools:%s when a file that it reads has changed', (target) => {
    const { files = [] } = plain[`tools:${target}`] ?? {};
    expect(files).toEqual(
      expect.arrayContaining([
        'docker/compose.yaml',
        'docker/Dockerfile',
        '.github/workflows/ci.yml',
        '.ci/run',
        'libs/broker/wire/project.json',
        'libs/broker/wire/tsconfig.json',
        'libs/broker/wire/src/index.ts',
        'nx.json',
        'tsconfig.base.json',
        'eslint.config.mjs',
        'package-lock.json',
      ]),
    );
  });

  it('keeps a change in one end-to-end spec from the others', () => {
    const { files = [] } = plain['e2e:e2e--cli'] ?? {};
    expect(files.filter((path) => path.endsWith('.spec.ts'))).toEqual(['apps/e2e/src/cli.spec.ts']);
  });
});
