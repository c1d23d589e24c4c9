import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeProgram, makeTempDirectory, type Program, type TempDirectory } from '@pulses/testing-processes';
import { spawnSync } from 'node:child_process';

const SOURCE = `
import { getHeapSpaceStatistics } from 'node:v8';
import { url } from 'node:inspector';
import { beginService } from '@pulses/shared-process';

const [mode, ...args] = process.argv.slice(2);
process.stderr.write(process.pid + '\\n');
if (mode === 'signalled') {
  process.kill(process.pid, 'SIGUSR1');
  const start = Date.now();
  // Node opens the debugger from a thread; where it leaves the signal alone, nothing comes.
  while (url() === undefined && !process.execArgv.includes('--disable-sigusr1') && Date.now() - start < 10_000);
}
if (mode !== 'as it is') beginService();
const kept: object[] = [];
let rounds = 0;
const round = () => {
  for (let index = 0; index < 100_000; index += 1) kept[index % 20_000] = { index, list: [index] };
  rounds += 1;
  if (rounds < 100) setImmediate(round);
  else {
    const youngBytes = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space').space_size;
    const { MALLOC_MMAP_THRESHOLD_: threshold, MINE: mine } = process.env;
    process.stdout.write(JSON.stringify({ debuggerUrl: url(), youngBytes, threshold, mine, args, flags: process.execArgv }));
  }
};
round();
`;

interface Told {
  /** What its process was each time that the program began. */
  readonly pids: string[];
  readonly debuggerUrl?: string;
  readonly youngBytes: number;
  readonly threshold?: string;
  readonly mine?: string;
  readonly args: string[];
  readonly flags: string[];
}

let directory: TempDirectory;
let program: Program;

beforeAll(async () => {
  directory = await makeTempDirectory();
  program = await makeProgram(directory.path, SOURCE);
});
afterAll(() => directory.remove());

function told(mode: string, { flags = [], env = {} }: { flags?: string[]; env?: Record<string, string> } = {}): Told {
  const args = [...flags, program.path, mode, '--a', 'b c'];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env: { MINE: 'kept', ...env } });
  return { ...(JSON.parse(stdout) as Omit<Told, 'pids'>), pids: stderr.trim().split('\n') };
}

describe('a service', () => {
  it('keeps the young generation small, where Node would let it grow', () => {
    expect(told('small').youngBytes).toBeLessThan(20_000_000);
    expect(told('as it is').youngBytes).toBeGreaterThan(30_000_000);
  });

  it('is the same process with the same arguments, flags and environment', () => {
    const { args, flags, mine, threshold, pids } = told('small', { flags: ['--no-deprecation'] });
    expect(pids).toEqual([pids[0], pids[0]]);
    expect({ args, mine, threshold }).toEqual({ args: ['--a', 'b c'], mine: 'kept', threshold: '69632' });
    expect(flags).toEqual([
      '--max-semi-space-size=4',
      '--no-parallel-scavenge',
      '--initial-old-space-size=48',
      '--heap-growing-percent=100',
      '--disable-sigusr1',
      '--no-deprecation',
    ]);
  });

  it('keeps its debugger: it does not start again while one can be attached', () => {
    const { flags, pids } = told('small', { flags: ['--inspect=127.0.0.1:0'] });
    expect(flags).toEqual(['--inspect=127.0.0.1:0']);
    expect(pids.filter((line) => /^\d+$/.test(line))).toHaveLength(1);
  });

  it('loses the debugger that SIGUSR1 has opened before it began', () => {
    const { debuggerUrl, flags, pids } = told('signalled');
    expect(pids.filter((line) => /^\d+$/.test(line))).toHaveLength(2);
    expect(pids.join('\n')).toContain('Debugger listening');
    expect([debuggerUrl, flags.includes('--disable-sigusr1')]).toEqual([undefined, true]);
  });

  it('leaves what the caller has set', () => {
    expect(told('small', { env: { MALLOC_MMAP_THRESHOLD_: '65536' } }).threshold).toBe('65536');
    expect(told('small', { flags: ['--max-semi-space-size=32'] }).youngBytes).toBeGreaterThan(30_000_000);
  });
});
