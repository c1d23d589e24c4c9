import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { WORKSPACE_ROOT } from './testing/scratch-workspace';

const MAIN = `
import { isMainThread, Worker } from 'node:worker_threads';
import used from '@scope/used';
import { checked } from './checked';

interface Order { readonly amount: number }

async function settle(order: Order): Promise<void> {
  await Promise.resolve();
  checked(order.amount);
}

const [mode] = process.argv.slice(2);
if (mode === 'thread' && isMainThread) new Worker(__filename, { argv: ['print'] });
else if (mode === 'crash') checked(used === 1 ? 0 : 1);
else settle({ amount: 0 }).catch((error: Error) => console.log(error.stack));
`;
const CHECKED = `
export class NoAmount extends Error {
  override name = 'NoAmount';
}

export function checked(amount: number): void {
  if (amount === 0) throw new NoAmount('nothing to settle');
}
`;

const BUNDLER = join(WORKSPACE_ROOT, 'tools/src/bundle.mts');

describe('a bundle', () => {
  let root: string;
  let bundle: string;

  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'pulses-bundle-'));
    for (const file of ['package.json', 'tsconfig.base.json']) cpSync(join(WORKSPACE_ROOT, file), join(root, file));
    mkdirSync(join(root, 'apps/probe/src'), { recursive: true });
    writeFileSync(join(root, 'apps/probe/src/main.ts'), MAIN);
    writeFileSync(join(root, 'apps/probe/src/checked.ts'), CHECKED);
    writePackage('@scope/used', { version: '1.2.3', license: 'MIT' }, "module.exports = require('nested');", {
      LICENSE: 'Text of used.',
      'NOTICE.md': 'Notice of used.',
    });
    writePackage('nested', { version: '4.5.6', license: 'ISC' }, 'module.exports = 1;');
    writePackage('unused', { version: '7.8.9', license: 'MIT' }, '');
    execFileSync(process.execPath, [BUNDLER, 'apps/probe'], { cwd: root });
    bundle = join(root, 'dist/apps/probe/main.js');
  });
  afterAll(() => {
    rmSync(root, { recursive: true, force: true });
  });

  const writePackage = (name: string, facts: object, main: string, files: Readonly<Record<string, string>> = {}) => {
    const folder = join(root, 'node_modules', name);
    mkdirSync(folder, { recursive: true });
    const all = { 'package.json': JSON.stringify({ name, ...facts }), 'index.js': main, ...files };
    for (const [file, text] of Object.entries(all)) writeFileSync(join(folder, file), text);
  };
  const run = (path: string, ...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [path, ...args], { encoding: 'utf8' });
    return { status, stdout, stderr };
  };
  const source = (file: string) => join(root, 'apps/probe/src', file);

  it.each(['main', 'thread'])('names the TypeScript lines in the stack traces of a %s', (mode) => {
    const [head, ...frames] = run(bundle, mode).stdout.trimEnd().split('\n');
    expect(head).toBe('NoAmount: nothing to settle');
    expect(frames[0]).toBe(`    at checked (${source('checked.ts')}:7:27)`);
    expect(frames[1]).toBe(`    at settle (${source('main.ts')}:10:3)`);
  });

  it('names them when a failure that nothing catches ends the process', () => {
    const { status, stderr } = run(bundle, 'crash');
    expect(status).toBe(1);
    expect(stderr).toContain(`NoAmount: nothing to settle\n    at checked (${source('checked.ts')}:7:27)\n`);
    expect(stderr).toContain(`(${source('main.ts')}:15:28)`);
  });

  it('leaves the work to Node when source maps are on', () => {
    const { stdout } = spawnSync(process.execPath, ['--enable-source-maps', bundle], { encoding: 'utf8' });
    expect(stdout).toContain(`    at checked (${source('checked.ts')}:7:27)\n`);
  });

  it('runs without its map, and its stack traces name main.js', () => {
    const alone = join(root, 'alone.js');
    cpSync(bundle, alone);
    const { stdout } = run(alone);
    expect(stdout).toMatch(/^NoAmount: nothing to settle\n {4}at checked \(/);
    expect(stdout).toContain(`(${alone}:`);
  });

  it('has the licence of each package in it beside it, and of no other', () => {
    const text = readFileSync(join(root, 'dist/apps/probe/THIRD-PARTY-LICENSES.txt'), 'utf8');
    expect(text).toMatch(/\n@scope\/used 1\.2\.3 \(MIT\)\n\nText of used\.\n\nNotice of used\.(\n|$)/);
    expect(text).toMatch(/\nnested 4\.5\.6 \(ISC\)(\n|$)/);
    expect(text).not.toContain('unused');
  });

  it('is not built with a package without a licence', () => {
    const folder = join(root, 'node_modules/nested');
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'nested', version: '4.5.6' }));
    const { status, stderr } = spawnSync(process.execPath, [BUNDLER, 'apps/probe'], { cwd: root, encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stderr).toContain('nested 4.5.6 in node_modules/nested has no licence');
  });

  it('has a map that names the sources for a debugger and holds none of their text', () => {
    const map = JSON.parse(readFileSync(`${bundle}.map`, 'utf8')) as { sources: string[] };
    expect(map.sources.map((path) => resolve(dirname(bundle), path)).sort()).toEqual([
      source('checked.ts'),
      source('main.ts'),
      join(root, 'node_modules/@scope/used/index.js'),
      join(root, 'node_modules/nested/index.js'),
    ]);
    expect(map).not.toHaveProperty('sourcesContent');
  });
});
