import { describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { provideNetcat, provideProgram } from '.';

describe('programs for tests', () => {
  it('are taken from the PATH', async () => {
    const { path, env } = await provideProgram({ program: 'sh', packages: [] });
    expect(execFileSync(path, ['-c', 'echo here'], { encoding: 'utf8' })).toBe('here\n');
    expect(env).toEqual({});
  });

  it('are unpacked when missing, also for two concurrent callers', async () => {
    const [first, second] = await Promise.all([provideNetcat(), provideNetcat()]);
    expect(second.path).toBe(first.path);
    const help = execFileSync('sh', ['-c', `'${first.path}' -h 2>&1; true`], {
      encoding: 'utf8',
      env: { ...process.env, ...first.env },
    });
    expect(help).toContain('-N');
  });

  it('fail with instructions when unavailable', async () => {
    await expect(provideProgram({ program: 'no-such-program', packages: ['no-such-package'] })).rejects.toThrow(
      /no-such-program is needed.*apt-get install no-such-package/,
    );
  });
});
