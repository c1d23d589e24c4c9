import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  makeProgram,
  makeTempDirectory,
  stopAll,
  type Program,
  type RunningApp,
  type TempDirectory,
} from '@pulses/testing-processes';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeFileSystem } from './node-file-system';

const { lockDirectory } = nodeFileSystem;

/** Locks the directory of its argument, says so, and holds it until it is ended or told to give it back. */
const HOLDER = `
import { nodeFileSystem } from '@pulses/shared-node-platform';

void nodeFileSystem.lockDirectory(process.argv[2] ?? '').then(
  (lock) => {
    process.stdin.once('data', () => {
      void lock.release().then(() => process.stdout.write('released\\n'));
    });
    process.stdout.write('locked\\n');
    setInterval(() => undefined, 60_000);
  },
  (error: { code?: string }) => {
    process.stdout.write('refused ' + String(error.code) + '\\n');
  },
);
`;

const LOCKED = { code: 'DATA_DIR_LOCKED' };

describe('the lock of a directory', () => {
  let programDirectory: TempDirectory;
  let program: Program;
  let directory: TempDirectory;

  beforeAll(async () => {
    programDirectory = await makeTempDirectory();
    program = await makeProgram(programDirectory.path, HOLDER);
  });
  afterAll(() => programDirectory.remove());
  beforeEach(async () => {
    directory = await makeTempDirectory();
  });
  afterEach(async () => {
    await stopAll();
    await directory.remove();
  });

  const startHolder = async (): Promise<RunningApp> => {
    const holder = program.start({ args: [directory.path] });
    await holder.waitForOutput(/locked|refused/);
    return holder;
  };

  it('keeps another process out', async () => {
    const lock = await lockDirectory(directory.path);
    expect((await startHolder()).stdout).toBe('refused DATA_DIR_LOCKED\n');
    await lock.release();
    expect((await startHolder()).stdout).toBe('locked\n');
    await expect(lockDirectory(directory.path)).rejects.toMatchObject(LOCKED);
  });

  it('names the directory when it is taken', async () => {
    await startHolder();
    await expect(lockDirectory(directory.path)).rejects.toThrow(
      `the data directory ${directory.path} is open in another broker`,
    );
  });

  it('ends with a process that is killed', async () => {
    const holder = await startHolder();
    await expect(lockDirectory(directory.path)).rejects.toMatchObject(LOCKED);
    holder.signal('SIGKILL');
    expect(await holder.exited).toEqual({ code: null, signal: 'SIGKILL' });
    await (await lockDirectory(directory.path)).release();
  });

  it('stays with a process that is stopped', async () => {
    const holder = await startHolder();
    holder.signal('SIGSTOP');
    await expect(lockDirectory(directory.path)).rejects.toMatchObject(LOCKED);
    holder.signal('SIGCONT');
  });

  it('is given back by a process that lives on', async () => {
    const holder = await startHolder();
    holder.stdin.write('\n');
    await holder.waitForOutput(/released/);
    const lock = await lockDirectory(directory.path);
    await lock.release();
  });

  it('keeps its own process out too, also under another name of the directory', async () => {
    const other = join(programDirectory.path, 'other-name');
    await symlink(directory.path, other);
    const lock = await lockDirectory(directory.path);
    for (const path of [directory.path, `${directory.path}/.`, other])
      await expect(lockDirectory(path)).rejects.toMatchObject(LOCKED);
    // A refusal takes nothing from the holder.
    expect((await startHolder()).stdout).toBe('refused DATA_DIR_LOCKED\n');
    await lock.release();
    await (await lockDirectory(other)).release();
  });

  it('is of one directory alone, and can be taken again and again', async () => {
    const elsewhere = await makeTempDirectory();
    const locks = [await lockDirectory(directory.path), await lockDirectory(elsewhere.path)];
    for (const lock of locks) await lock.release();
    for (let round = 0; round < 20; round += 1) await (await lockDirectory(directory.path)).release();
    await elsewhere.remove();
    await expect(lockDirectory(elsewhere.path)).rejects.not.toMatchObject(LOCKED);
  });
});
