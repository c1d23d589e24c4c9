import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { makeTempDirectory, type TempDirectory } from '@pulses/testing-processes';
import { constants } from 'node:fs';
import { mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeClock } from './node-clock';
import { nodeFileSystem } from './node-file-system';

const text = (content: string) => Buffer.from(content);

describe('files of the system', () => {
  let directory: TempDirectory;
  const at = (name: string) => join(directory.path, name);
  const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

  beforeEach(async () => {
    directory = await makeTempDirectory();
  });
  afterEach(() => directory.remove());

  it('are created readable and writable for their owner alone', async () => {
    const file = await nodeFileSystem.open(at('new'), 'create');
    expect(await file.write(text('hello'), 0)).toBe(5);
    const into = Buffer.alloc(5);
    expect(await file.read(into, 0)).toBe(5);
    expect(into.toString()).toBe('hello');
    await file.close();
    expect(await modeOf(at('new'))).toBe('600');
  });

  it('are neither created over an existing file nor opened when missing', async () => {
    await writeFile(at('old'), 'kept');
    await expect(nodeFileSystem.open(at('old'), 'create')).rejects.toMatchObject({ code: 'EEXIST' });
    expect(await readFile(at('old'), 'utf8')).toBe('kept');
    for (const mode of ['read', 'write', 'write-through'] as const)
      await expect(nodeFileSystem.open(at('none'), mode)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('opened for reading cannot be written', async () => {
    await writeFile(at('f'), 'kept');
    const file = await nodeFileSystem.open(at('f'), 'read');
    await expect(file.write(text('x'), 0)).rejects.toMatchObject({ code: 'EBADF' });
    await expect(file.writev([text('x')], 0)).rejects.toMatchObject({ code: 'EBADF' });
    await expect(file.truncate(0)).rejects.toMatchObject({ code: 'EINVAL' });
    await file.close();
    expect(await readFile(at('f'), 'utf8')).toBe('kept');
  });

  it('written through are left to the pool, all of them, after a slow write in place', async () => {
    for (const name of ['slow', 'other']) await writeFile(at(name), '');
    const [slow, other] = await Promise.all(
      ['slow', 'other'].map((name) => nodeFileSystem.open(at(name), 'write-through')),
    );
    const now = jest.spyOn(nodeClock, 'monotonicMs');
    try {
      // Asked before a write, and around one that is made in place.
      const laterMs = nodeClock.monotonicMs() + 1e9;
      for (const ms of [0, 0, 5]) now.mockReturnValueOnce(laterMs + ms);
      expect(await slow!.write(text('x'), 0)).toBe(1); // one for each name
      now.mockClear().mockReturnValue(laterMs + 6);
      expect(await other!.write(text('y'), 0)).toBe(1);
      expect(now).toHaveBeenCalledTimes(1);
    } finally {
      now.mockRestore();
      await slow!.close();
      await other!.close();
    }
  });

  it('opened to be written through are synchronised by the system', async () => {
    await writeFile(at('f'), 'abcdef');
    const file = await nodeFileSystem.open(at('f'), 'write-through');
    const flags: number[] = [];
    for (const descriptor of await readdir('/proc/self/fd')) {
      const target = await readlink(`/proc/self/fd/${descriptor}`).catch(() => '');
      if (target !== at('f')) continue;
      const info = await readFile(`/proc/self/fdinfo/${descriptor}`, 'utf8');
      flags.push(parseInt(/flags:\s*(\d+)/.exec(info)?.[1] ?? '', 8));
    }
    expect(flags.map((found) => found & constants.O_DSYNC)).toEqual([constants.O_DSYNC]);
    expect(await file.writev([text('x'), text('yz')], 0)).toBe(3);
    await file.close();
    expect(await readFile(at('f'), 'utf8')).toBe('xyzdef');
  });

  it('opened for writing keep their content', async () => {
    await writeFile(at('f'), 'abcdef');
    const file = await nodeFileSystem.open(at('f'), 'write');
    expect(await file.size()).toBe(6);
    await file.write(text('XY'), 2);
    await file.datasync();
    await file.close();
    expect(await readFile(at('f'), 'utf8')).toBe('abXYef');
  });

  it('are written in place and from many buffers', async () => {
    const file = await nodeFileSystem.open(at('f'), 'create');
    expect(await file.writev([text('ab'), text(''), text('cde')], 3)).toBe(5);
    expect(await file.size()).toBe(8);
    await file.close();
    expect(await readFile(at('f'))).toEqual(text('\0\0\0abcde'));
  });

  it('are read short at their end, and as 0 bytes beyond it', async () => {
    await writeFile(at('f'), 'abcdef');
    const file = await nodeFileSystem.open(at('f'), 'read');
    const into = Buffer.alloc(4, '.');
    expect(await file.read(into, 4)).toBe(2);
    expect(into.toString()).toBe('ef..');
    expect(await file.read(into, 6)).toBe(0);
    expect(await file.read(into, 100)).toBe(0);
    expect(into.toString()).toBe('ef..');
    await file.close();
  });

  it('are truncated, and extended with zeros', async () => {
    await writeFile(at('f'), 'abcdef');
    const file = await nodeFileSystem.open(at('f'), 'write');
    await file.truncate(2);
    expect(await file.size()).toBe(2);
    await file.truncate(4);
    await file.close();
    expect(await readFile(at('f'))).toEqual(text('ab\0\0'));
  });

  it('are not reached through a symbolic link, broken or not', async () => {
    await writeFile(at('target'), 'kept');
    await symlink(at('target'), at('link'));
    await symlink(at('nowhere'), at('broken'));
    for (const mode of ['read', 'write', 'write-through'] as const)
      await expect(nodeFileSystem.open(at('link'), mode)).rejects.toMatchObject({ code: 'ELOOP' });
    for (const link of ['link', 'broken'])
      await expect(nodeFileSystem.open(at(link), 'create')).rejects.toMatchObject({ code: 'EEXIST' });
    expect(await nodeFileSystem.exists(at('nowhere'))).toBe(false);
  });

  it('are listed, renamed over others and removed', async () => {
    await writeFile(at('a'), 'new');
    await writeFile(at('b'), 'old');
    await nodeFileSystem.rename(at('a'), at('b'));
    expect(await nodeFileSystem.list(directory.path)).toEqual(['b']);
    expect(await readFile(at('b'), 'utf8')).toBe('new');
    await nodeFileSystem.remove(at('b'));
    expect(await nodeFileSystem.list(directory.path)).toEqual([]);
    await expect(nodeFileSystem.remove(at('b'))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(nodeFileSystem.rename(at('a'), at('b'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('exist, do not exist, or fail the check', async () => {
    await writeFile(at('f'), '');
    expect(await nodeFileSystem.exists(at('f'))).toBe(true);
    expect(await nodeFileSystem.exists(directory.path)).toBe(true);
    expect(await nodeFileSystem.exists(at('none'))).toBe(false);
    await expect(nodeFileSystem.exists(at('f/below'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  });
});

describe('directories of the system', () => {
  let directory: TempDirectory;
  const at = (name: string) => join(directory.path, name);

  beforeEach(async () => {
    directory = await makeTempDirectory();
  });
  afterEach(() => directory.remove());

  it('are created with their parents for their owner alone, and left alone when they exist', async () => {
    await nodeFileSystem.makeDirectory(at('a/b/c'));
    for (const path of ['a', 'a/b', 'a/b/c']) expect(((await stat(at(path))).mode & 0o777).toString(8)).toBe('700');
    await mkdir(at('shared'), { mode: 0o755 });
    await writeFile(at('shared/f'), '');
    await nodeFileSystem.makeDirectory(at('shared'));
    expect(await nodeFileSystem.list(at('shared'))).toEqual(['f']);
  });

  it('are refused at once where none can be made', async () => {
    await expect(nodeFileSystem.makeDirectory('/proc/x')).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(nodeFileSystem.makeDirectory('/proc/x/y')).rejects.toMatchObject({ code: 'ENOENT' });
    await writeFile(at('f'), '');
    await expect(nodeFileSystem.makeDirectory(at('f'))).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(nodeFileSystem.makeDirectory(at('f/below/it'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  });

  it('and files are made private by descriptor, never through a link', async () => {
    await writeFile(at('f'), '', { mode: 0o644 });
    await mkdir(at('d'), { mode: 0o755 });
    await symlink(at('f'), at('link'));
    await expect(nodeFileSystem.makePrivate(at('link'))).rejects.toMatchObject({ code: 'ELOOP' });
    expect(await Promise.all(['f', 'd', 'link'].map((name) => nodeFileSystem.isPrivate(at(name))))).toEqual([
      false,
      false,
      true,
    ]);
    for (const name of ['f', 'd']) await nodeFileSystem.makePrivate(at(name));
    for (const name of ['f', 'd']) expect(await nodeFileSystem.isPrivate(at(name))).toBe(true);
    expect(((await stat(at('d'))).mode & 0o777).toString(8)).toBe('700');
  });

  it('are removed only when they are empty', async () => {
    await nodeFileSystem.makeDirectory(at('d'));
    await writeFile(at('d/f'), '');
    await expect(nodeFileSystem.removeDirectory(at('d'))).rejects.toMatchObject({ code: 'ENOTEMPTY' });
    await nodeFileSystem.remove(at('d/f'));
    await nodeFileSystem.removeDirectory(at('d'));
    expect(await nodeFileSystem.exists(at('d'))).toBe(false);
  });

  it('are synchronised, and anything else is rejected', async () => {
    await writeFile(at('f'), '');
    await expect(nodeFileSystem.syncDirectory(directory.path)).resolves.toBeUndefined();
    await expect(nodeFileSystem.syncDirectory(at('f'))).rejects.toMatchObject({ code: 'ENOTDIR' });
    await expect(nodeFileSystem.syncDirectory(at('none'))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(nodeFileSystem.list(at('none'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
