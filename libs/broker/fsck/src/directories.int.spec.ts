import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { nodeFileSystem, nodeRandom } from '@pulses/shared-node-platform';
import { makeTempDirectory, type TempDirectory } from '@pulses/testing-processes';
import { chmod, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { inspectDataDirectory, repairDataDirectory } from './index';
import { BuiltShapes, DIRECTORY, kindOf, openOn, readMessages } from './testing/shapes';

const shapes = new BuiltShapes();
let temporary: TempDirectory;
beforeEach(async () => {
  temporary = await makeTempDirectory();
});
afterEach(async () => {
  for (const name of await everyName(temporary.path)) await chmod(join(temporary.path, name), 0o700);
  await temporary.remove();
});

const everyName = async (path: string): Promise<string[]> => (await readdir(path, { recursive: true })).sort();

const inspect = (directory: string) => inspectDataDirectory({ fileSystem: nodeFileSystem, directory });
const repair = (from: string, to: string) =>
  repairDataDirectory({ fileSystem: nodeFileSystem, random: nodeRandom, from, to, kindOf });

/** A data directory on the disk, as a copy that has no lock. */
async function copied(): Promise<string> {
  const { disk } = await shapes.copy('many runs');
  const data = join(temporary.path, 'data');
  for (const path of disk.files().filter((name) => name.startsWith(`${DIRECTORY}/`))) {
    const copy = join(data, path.slice(DIRECTORY.length));
    await mkdir(dirname(copy), { recursive: true });
    await writeFile(copy, disk.bytesOf(path));
  }
  return data;
}

describe('a copy that nothing may write to', () => {
  it('is checked and saved, and left as it is', async () => {
    const data = await copied();
    const names = await everyName(data);
    for (const name of names) await chmod(join(data, name), 0o500);
    await chmod(data, 0o500);
    expect(await inspect(data)).toMatchObject({ isSound: true, findings: [] });
    expect(await repair(data, join(temporary.path, 'new'))).toMatchObject({ isWhole: true });
    expect(await everyName(data)).toEqual(names);
    const [original, saved] = [
      await openOn(nodeFileSystem, data),
      await openOn(nodeFileSystem, join(temporary.path, 'new')),
    ];
    expect(await readMessages(saved, 'source')).toEqual(await readMessages(original, 'source'));
    await saved.close();
    await original.close();
  });
});

describe('a directory that is none of this log', () => {
  it.each(['/proc', '/proc/self', '/sys', '/dev/null', '/dev/null/x'])('is refused at once: %s', async (path) => {
    const refused = { code: 'CONFIG_INVALID', message: expect.stringMatching(/^--data-dir: '\/(proc|sys|dev)/) };
    await expect(inspect(path)).rejects.toMatchObject(refused);
    await expect(repair(path, join(temporary.path, 'new'))).rejects.toMatchObject(refused);
    expect(await everyName(temporary.path)).toEqual([]);
  });
});

describe('the directory that a repair writes', () => {
  it.each(['/proc/x', '/proc', '/dev/null', '/sys/x'])('is no %s', async (to) => {
    await expect(repair(await copied(), to)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(`${to} is not`),
    });
  });

  it('is not the original under another name', async () => {
    const data = await copied();
    await symlink(data, join(temporary.path, 'link'));
    const names = await everyName(data);
    for (const to of [join(temporary.path, 'link'), join(data, '..', 'data'), join(data, 'inside')]) {
      await expect(repair(data, to)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    }
    expect(await everyName(data)).toEqual(names);
  });

  it('is removed again when another release wrote the original', async () => {
    const data = join(temporary.path, 'old');
    await mkdir(join(data, 'journal'), { recursive: true });
    await writeFile(join(data, 'journal', '0000000000000001.journal'), `PULSJRN1${'\0'.repeat(100)}`);
    await expect(repair(data, join(temporary.path, 'new'))).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(await readdir(temporary.path)).toEqual(['old']);
    expect((await readFile(join(data, 'journal', '0000000000000001.journal'))).length).toBe(108);
    await rm(data, { recursive: true });
  });
});
