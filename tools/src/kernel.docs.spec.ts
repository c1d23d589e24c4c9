import { describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { WORKSPACE_ROOT } from './testing/scratch-workspace';

describe('the compiled ingest kernel', () => {
  it('is what its sources compile to', () => {
    const { status, stderr } = spawnSync(process.execPath, ['tools/src/compile-kernel.mts', '--check'], {
      cwd: WORKSPACE_ROOT,
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  }, 120_000);
});
