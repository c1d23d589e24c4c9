import { describe, expect, it } from '@jest/globals';
import { ERROR_CATALOGUE, PulsesError, type ErrorCode } from '@pulses/shared-errors';
import { exitCodeOf } from '@pulses/shared-process';
import { STOP_MS_MAX } from '@pulses/shared-service-host';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WORKSPACE_ROOT } from './testing/scratch-workspace';

const text = readFileSync(join(WORKSPACE_ROOT, 'docs/errors.md'), 'utf8');
const rows = [...text.matchAll(/^\| (\d+) \| (.*) \|$/gm)].map(([, exitCode, when = '']) => ({
  exitCode: Number(exitCode),
  when,
}));

describe('the exit codes of docs/errors.md', () => {
  it.each(Object.keys(ERROR_CATALOGUE) as ErrorCode[])('are right for %s', (code) => {
    const named = rows.filter(({ when }) => when.includes(`\`${code}\``)).map(({ exitCode }) => exitCode);
    // What no row names falls under "every other failure".
    expect(named.length === 0 ? [1] : named).toEqual([exitCodeOf(new PulsesError(code))]);
  });

  it('name each code of an exit other than 1 in exactly one row', () => {
    expect(rows.map(({ exitCode }) => exitCode)).toEqual([0, 1, 2, 3, 130, 143]);
    expect(exitCodeOf(new Error('no code'))).toBe(1);
  });

  it('state the time that a clean stop may take', () => {
    expect(rows.find(({ exitCode }) => exitCode === 1)?.when).toContain(`longer than ${STOP_MS_MAX / 1000} s`);
  });
});
