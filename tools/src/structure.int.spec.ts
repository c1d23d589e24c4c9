import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WORKSPACE_ROOT } from './testing/scratch-workspace';

/** Prints each circle of files below the folders. */
function circlesIn(folders: readonly string[]): { status: number | null; output: string } {
  const program = join(WORKSPACE_ROOT, 'node_modules/.bin/depcruise');
  const args = [program, '--config', 'tools/src/dependency-cruiser.cjs', '--output-type', 'err', ...folders];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: WORKSPACE_ROOT, encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

describe('imports between files', () => {
  let directory: string;

  beforeAll(() => {
    mkdirSync(join(WORKSPACE_ROOT, 'tmp'), { recursive: true });
    directory = mkdtempSync(join(WORKSPACE_ROOT, 'tmp', 'circle-'));
  });
  afterAll(() => {
    rmSync(directory, { recursive: true });
  });

  it('make no circle', () => {
    expect(circlesIn(['apps', 'libs', 'tools'])).toEqual({
      status: 0,
      output: expect.stringMatching(/\d{3,} modules/),
    });
  }, 120_000);

  it('are seen when they make one by types alone', () => {
    writeFileSync(join(directory, 'one.ts'), "import type { Two } from './two';\nexport type One = Two;\n");
    writeFileSync(join(directory, 'two.ts'), "import type { One } from './one';\nexport interface Two { one?: One }\n");
    expect(circlesIn([directory])).toEqual({ status: 1, output: expect.stringContaining('no-circle') });
  }, 120_000);
});
