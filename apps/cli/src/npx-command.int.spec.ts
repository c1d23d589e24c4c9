import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { makeTempDirectory, workspaceRoot, type TempDirectory } from '@pulses/testing-processes';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const { bin } = JSON.parse(readFileSync(join(workspaceRoot(), 'package.json'), 'utf8')) as {
  readonly bin: { readonly pulses: string };
};

describe('the command that npx links', () => {
  let directory: TempDirectory;
  let command: string;

  beforeEach(async () => {
    directory = await makeTempDirectory();
    command = join(directory.path, bin.pulses);
    mkdirSync(dirname(command), { recursive: true });
    copyFileSync(join(workspaceRoot(), bin.pulses), command);
  });
  afterEach(async () => {
    await directory.remove();
  });

  const run = () => {
    const { status, stdout, stderr } = spawnSync(command, ['topics'], {
      encoding: 'utf8',
      env: { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH']}` },
    });
    return { status, stdout, stderr };
  };

  it('says before the first build how to build', () => {
    expect(run()).toEqual({ status: 2, stdout: '', stderr: "pulses: not built yet; run 'npm run build'\n" });
  });

  it('runs the bundle with its arguments', () => {
    const bundle = join(directory.path, 'dist/apps/cli/main.js');
    mkdirSync(dirname(bundle), { recursive: true });
    writeFileSync(bundle, "process.stdout.write(process.argv.slice(2).join(' '));");
    expect(run()).toEqual({ status: 0, stdout: 'topics', stderr: '' });
  });
});
