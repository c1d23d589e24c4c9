import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { makeTempDirectory, type TempDirectory } from '@pulses/testing-processes';
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { freeBytesOf, roomIn } from './storage-watch';

describe('the room in a data directory', () => {
  let directory: TempDirectory;
  const dataDir = () => join(directory.path, 'data');

  beforeEach(async () => {
    directory = await makeTempDirectory();
    await mkdir(join(dataDir(), 'journal'), { recursive: true });
  });
  afterEach(() => directory.remove());

  it('is that of its disk', async () => {
    expect(await freeBytesOf(dataDir())).toBeGreaterThan(0);
    expect(await roomIn(dataDir())).toBeGreaterThan(0);
  });

  it.each([
    ['when it is gone', []],
    ['when only what others make is there', ['topics']],
  ])('is undefined %s', async (_when, parts) => {
    await rename(dataDir(), `${dataDir()}.moved`);
    for (const part of parts) await mkdir(join(dataDir(), part), { recursive: true });
    expect(await freeBytesOf(dataDir())).toBeUndefined();
    await expect(roomIn(dataDir())).rejects.toThrow('the data directory is gone');
  });
});
