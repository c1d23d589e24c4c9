// A service whose standard error is full, failing or gone.

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { makeProgram, makeTempDirectory, until, type Program, type TempDirectory } from '@pulses/testing-processes';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const SOURCE = `
import { runService } from '@pulses/shared-service-host';

void runService({
  name: 'sample',
  summary: 'A service of a test.',
  settings: {},
  start: (_settings, logger, host) => {
    process.on('message', (lines) => {
      for (let line = 0; line < Number(lines); line += 1) logger.info({ text: 'x'.repeat(1000) }, 'a line');
      process.send?.(host.logLinesDropped());
    });
    process.send?.('started');
    return Promise.resolve({ stop: () => Promise.resolve() });
  },
});
`;

describe('a service', () => {
  let directory: TempDirectory;
  let program: Program;
  const children: ChildProcess[] = [];
  const files: number[] = [];

  beforeAll(async () => {
    directory = await makeTempDirectory();
    program = await makeProgram(directory.path, SOURCE);
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    for (const file of files.splice(0)) closeSync(file);
  });
  afterAll(() => directory.remove());

  async function start(stderr: number | 'pipe'): Promise<ChildProcess> {
    const child = spawn(process.execPath, [program.path], { stdio: ['ignore', 'ignore', stderr, 'ipc'] });
    children.push(child);
    expect(await once(child, 'message')).toEqual(['started', undefined]);
    return child;
  }

  /** Lets it log, and answers how many lines it has dropped since its start. */
  async function log(child: ChildProcess, lines: number): Promise<number> {
    const answer = once(child, 'message');
    child.send(lines);
    return Number((await answer)[0]);
  }

  async function stop(child: ChildProcess): Promise<unknown[]> {
    child.kill('SIGTERM');
    return once(child, 'exit');
  }

  it('runs on and counts its lines while its log is on a full disk', async () => {
    const full = openSync('/dev/full', 'w');
    files.push(full);
    const child = await start(full);
    expect(await log(child, 10)).toBe(10);
    expect(await stop(child)).toEqual([0, null]);
  });

  it('writes to a file behind what other processes have written there', async () => {
    const path = join(directory.path, 'shared.log');
    const file = openSync(path, 'w');
    files.push(file);
    const child = await start(file);
    await log(child, 1);
    writeSync(file, 'another line\n');
    await stop(child);
    expect(readFileSync(path, 'utf8')).toMatch(/^\{.*"a line"\}\nanother line\n\{.*"stopping"\}\n/);
  });

  it('runs on beside a pipe that is never read, and writes again once it is', async () => {
    const path = join(directory.path, 'fifo');
    execFileSync('mkfifo', [path]);
    const fifo = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    files.push(fifo);
    const child = await start(fifo);
    const dropped = await log(child, 1_000);
    expect(dropped).toBeGreaterThan(500);
    const buffer = Buffer.alloc(1024 * 1024);
    let text = '';
    const read = () => {
      try {
        text += buffer.toString('utf8', 0, readSync(fifo, buffer));
      } catch (error) {
        expect(error).toMatchObject({ code: 'EAGAIN' });
      }
      return text;
    };
    await until(() => read().split('\n').length === 1_001 - dropped);
    expect(await log(child, 1)).toBe(dropped);
    await until(() => read().includes(`"lines":${dropped},"msg":"log lines dropped`));
    for (const line of text.trimEnd().split('\n')) expect(JSON.parse(line)).toMatchObject({ service: 'sample' });
    expect(await stop(child)).toEqual([0, null]);
  });

  it('runs on beside a socket that is never read, and after its reader has gone', async () => {
    const child = await start('pipe');
    child.stderr?.pause();
    expect(await log(child, 2_000)).toBeGreaterThan(0);
    child.stderr?.destroy();
    const dropped = await log(child, 1);
    expect(await log(child, 10)).toBeGreaterThan(dropped);
    expect(await stop(child)).toEqual([0, null]);
  });
});
