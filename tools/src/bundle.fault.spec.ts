import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WORKSPACE_ROOT } from './testing/scratch-workspace';

/** Makes a map as long as the broker's. */
const FUNCTIONS = 50_000;
const MAP_BYTES_MIN = 1_500_000;
/** The text of the map, and what is made of it on the way. */
const HEAP_MIB_MAX = 16;

const MAIN = `
import { many } from './many';

const heapMiB = () => process.memoryUsage().heapUsed / 2 ** 20;
const used = heapMiB();
const trace = new Error('lost a client').stack;
console.log(JSON.stringify({ trace, count: many.length, grownMiB: heapMiB() - used }));
`;

describe('a stack trace of a large bundle', () => {
  let root: string;
  let bundle: string;

  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'pulses-bundle-'));
    for (const file of ['package.json', 'tsconfig.base.json']) cpSync(join(WORKSPACE_ROOT, file), join(root, file));
    const folder = join(root, 'apps/probe/src');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'main.ts'), MAIN);
    const functions = Array.from({ length: FUNCTIONS }, (_, index) => `  (left: number) => left * ${index} + left,\n`);
    writeFileSync(join(folder, 'many.ts'), `export const many = [\n${functions.join('')}];\n`);
    execFileSync(process.execPath, [join(WORKSPACE_ROOT, 'tools/src/bundle.mts'), 'apps/probe'], { cwd: root });
    bundle = join(root, 'dist/apps/probe/main.js');
  });
  afterAll(() => {
    rmSync(root, { recursive: true, force: true });
  });

  it('takes little memory for the map', () => {
    const mapBytes = statSync(`${bundle}.map`).size;
    expect(mapBytes).toBeGreaterThan(MAP_BYTES_MIN);
    const told = execFileSync(process.execPath, [bundle], { encoding: 'utf8' });
    const { trace, count, grownMiB } = JSON.parse(told) as { trace: string; count: number; grownMiB: number };
    process.stdout.write(`heap grown by ${grownMiB.toFixed(1)} MiB for a map of ${mapBytes} bytes\n`);
    expect(count).toBe(FUNCTIONS);
    expect(trace).toContain(`${join(root, 'apps/probe/src/main.ts')}:6:15`);
    expect(grownMiB).toBeLessThanOrEqual(HEAP_MIB_MAX);
  });
});
