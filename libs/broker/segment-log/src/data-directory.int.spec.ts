// What a start does with its directory on a real disk: place, rights, lock.

import { afterEach, describe, expect, it } from '@jest/globals';
import { chmod, mkdir, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeClock, nodeFileSystem, nodeRandom } from '@pulses/shared-node-platform';
import { SILENT_LOGGER, type Logger } from '@pulses/shared-ports';
import { openSegmentLog } from './open-segment-log';
import type { SegmentLog } from './segment-log';
import { publish, readMessages, temporaryDirectories } from './testing/log-fixture';

const directories = temporaryDirectories();
const open: SegmentLog[] = [];
const warnings: string[] = [];
const logger: Logger = {
  ...SILENT_LOGGER,
  warn: (_, message) => {
    warnings.push(message);
  },
};

async function start(directory: string): Promise<SegmentLog> {
  const platform = { fileSystem: nodeFileSystem, clock: nodeClock, random: nodeRandom };
  const log = await openSegmentLog({ ...platform, directory, logger });
  open.push(log);
  return log;
}

afterEach(async () => {
  for (const log of open.splice(0)) await log.close();
  warnings.splice(0);
  await directories.removeAll();
});

const rightsOf = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8);

async function allPaths(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.map((entry) => join(entry.parentPath, entry.name));
}

describe('the rights of a data directory', () => {
  it('are those of its user alone, from the first byte', async () => {
    const directory = join(await directories.make(), 'deep', 'data');
    await publish(await start(directory), 'a', ['1']);
    for (const path of [directory, ...(await allPaths(directory))])
      expect([path, await rightsOf(path)]).toEqual([path, (await stat(path)).isDirectory() ? '700' : '600']);
    expect(warnings).toEqual([]);
  });

  it('are tightened, also through a link, of all that the log has there', async () => {
    const parent = await directories.make();
    const directory = join(parent, 'data');
    await mkdir(join(directory, 'lost+found'), { recursive: true });
    await symlink(directory, join(parent, 'link'));
    await chmod(directory, 0o775);
    const log = await start(join(parent, 'link'));
    expect(await rightsOf(directory)).toBe('700');
    expect(warnings).toEqual(['other users had rights on the data directory, they were taken away']);
    await publish(log, 'a', ['1']);
    await open.pop()?.close();
    for (const path of await allPaths(directory)) await chmod(path, 0o755);
    const again = await start(directory);
    for (const path of await allPaths(directory))
      if (!path.endsWith('lost+found')) expect([path, (await rightsOf(path)).slice(1)]).toEqual([path, '00']);
    expect(warnings.at(-1)).toBe('other users had rights on stored files');
    expect(await readMessages(again, 'a')).toEqual(['1']);
  });

  it('are left alone where the directory holds something else', async () => {
    const directory = await directories.make();
    await writeFile(join(directory, 'letter'), '');
    await chmod(directory, 0o755);
    await expect(start(directory)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining("'letter'"),
    });
    expect([await rightsOf(directory), await readdir(directory)]).toEqual(['755', ['letter']]);
  });
});

describe('a data directory', () => {
  it.each(['/proc', '/proc/pulses', '/proc/self/pulses', '/sys/pulses/data', '/dev/pulses', '/dev'])(
    'is refused at %s',
    async (directory) => {
      await expect(start(directory)).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(`^--data-dir: '${directory}' .* keeps no files`),
      });
    },
  );

  it('is refused behind a link to such a place', async () => {
    const link = join(await directories.make(), 'link');
    await symlink('/dev', link);
    await expect(start(`${link}/pulses`)).rejects.toThrow('/dev keeps no files');
  });

  it('stays locked when all that can be removed of it is', async () => {
    const directory = await directories.make();
    await publish(await start(directory), 'a', ['1']);
    for (const name of await readdir(directory)) {
      await rm(join(directory, name), { recursive: true });
      await expect(start(directory)).rejects.toThrow(`is open in another broker, process ${process.pid}`);
    }
  });
});
