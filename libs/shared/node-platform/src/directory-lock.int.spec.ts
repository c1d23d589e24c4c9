import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  makeProgram,
  makeTempDirectory,
  stopAll,
  type Program,
  type RunningApp,
  type TempDirectory,
} from '@pulses/testing-processes';
import { mkdir, readdir, rm, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeFileSystem } from './node-file-system';

const { lockDirectory } = nodeFileSystem;

/** Locks the directory of its argument, reports it, and holds the lock until its end or a request to release it. */
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

describe('a directory lock', () => {
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

  it('excludes another process', async () => {
    const lock = await lockDirectory(directory.path);
    expect((await startHolder()).stdout).toBe('refused DATA_DIR_LOCKED\n');
    await lock.release();
    expect((await startHolder()).stdout).toBe('locked\n');
    await expect(lockDirectory(directory.path)).rejects.toMatchObject(LOCKED);
  });

  it('names the directory that is locked, and the process that has it', async () => {
    const { pid } = await startHolder();
    await expect(lockDirectory(directory.path)).rejects.toThrow(
      `the data directory ${directory.path} is open in another broker, process ${pid}`,
    );
  });

  it('holds when its file, or everything in the directory, is removed', async () => {
    const holder = await startHolder();
    for (const name of await readdir(directory.path)) await rm(join(directory.path, name));
    await expect(lockDirectory(directory.path)).rejects.toThrow(`process ${holder.pid}`);
    await expect(lockDirectory(directory.path, true)).rejects.toMatchObject(LOCKED);
    holder.signal('SIGKILL');
    await holder.exited;
    await (await lockDirectory(directory.path)).release();
  });

  it('excludes a process that sees other sockets, by a file that only its user can open', async () => {
    await startHolder();
    const file = join(directory.path, 'broker.lock');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    // As in another container: all that is shared is the file.
    const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
    const database = new DatabaseSync(file, { timeout: 0 });
    expect(() => {
      database.exec('BEGIN EXCLUSIVE');
    }).toThrow('database is locked');
    database.close();
  });

  it('ends when its process is killed', async () => {
    const holder = await startHolder();
    await expect(lockDirectory(directory.path)).rejects.toMatchObject(LOCKED);
    holder.signal('SIGKILL');
    expect(await holder.exited).toEqual({ code: null, signal: 'SIGKILL' });
    await (await lockDirectory(directory.path)).release();
  });

  it('outlasts a SIGSTOP of its process', async () => {
    const holder = await startHolder();
    holder.signal('SIGSTOP');
    await expect(lockDirectory(directory.path)).rejects.toMatchObject(LOCKED);
    holder.signal('SIGCONT');
  });

  it('can be released by a process that continues', async () => {
    const holder = await startHolder();
    holder.stdin.write('\n');
    await holder.waitForOutput(/released/);
    const lock = await lockDirectory(directory.path);
    await lock.release();
  });

  it('excludes its own process too, also under another path of the directory', async () => {
    const other = join(programDirectory.path, 'other-name');
    await symlink(directory.path, other);
    const lock = await lockDirectory(directory.path);
    for (const path of [directory.path, `${directory.path}/.`, other])
      await expect(lockDirectory(path)).rejects.toMatchObject(LOCKED);
    // A refused attempt leaves the holder's lock intact.
    expect((await startHolder()).stdout).toBe('refused DATA_DIR_LOCKED\n');
    await lock.release();
    await (await lockDirectory(other)).release();
  });

  it('writes nothing for a reader, and keeps it out of a directory that is locked', async () => {
    await (await lockDirectory(directory.path, true)).release();
    expect(await readdir(directory.path)).toEqual([]);
    const lock = await lockDirectory(directory.path);
    await expect(lockDirectory(directory.path, true)).rejects.toMatchObject(LOCKED);
    await lock.release();
    await startHolder();
    await expect(lockDirectory(directory.path, true)).rejects.toMatchObject(LOCKED);
  });

  it('is refused where its file cannot be written', async () => {
    await mkdir(join(directory.path, 'broker.lock'));
    await expect(lockDirectory(directory.path)).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
  });

  it('covers one directory alone, and can be taken repeatedly', async () => {
    const elsewhere = await makeTempDirectory();
    const locks = [await lockDirectory(directory.path), await lockDirectory(elsewhere.path)];
    for (const lock of locks) await lock.release();
    for (let round = 0; round < 20; round += 1) await (await lockDirectory(directory.path)).release();
    await elsewhere.remove();
    await expect(lockDirectory(elsewhere.path)).rejects.not.toMatchObject(LOCKED);
  });
});
