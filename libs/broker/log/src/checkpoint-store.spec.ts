import { describe, expect, it } from '@jest/globals';
import { SILENT_LOGGER } from '@pulses/shared-ports';
import { createSimFileSystem } from '@pulses/testing-sim';
import { crc32 } from 'node:zlib';
import { encodeCheckpoint } from './checkpoint-codec';
import { checkpointName, loadCheckpoint } from './checkpoint-store';
import { replaceFile } from './replaced-file';
import { createState } from './state';

const DIRECTORY = '/data/checkpoints';

/** A checkpoint directory with one file, made of a valid checkpoint. */
async function directoryWith(change: (bytes: Buffer) => void) {
  const fileSystem = createSimFileSystem({ seed: 1 });
  await fileSystem.makeDirectory('/data');
  await fileSystem.makeDirectory(DIRECTORY);
  const state = { ...createState(), lsn: 3 };
  const bytes = Buffer.from(
    encodeCheckpoint({ logId: new Uint8Array(16), state, frameCrc: 0, materialisedLsn: 0, segments: new Map() }),
  );
  change(bytes);
  await replaceFile(fileSystem, DIRECTORY, checkpointName(3), [bytes]);
  return () => loadCheckpoint(fileSystem, DIRECTORY, '/data', SILENT_LOGGER);
}

describe('the newest checkpoint', () => {
  it('is loaded when it is valid', async () => {
    const load = await directoryWith(() => undefined);
    expect(await load()).toMatchObject({ state: { lsn: 3 } });
  });

  it('is refused with its version and the way out when another release wrote it', async () => {
    const load = await directoryWith((bytes) => {
      bytes.writeUInt32LE(1, 8);
      bytes.writeUInt32LE(crc32(bytes.subarray(0, -4)), bytes.length - 4);
    });
    await expect(load()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(load()).rejects.toThrow(/has version 1, .*; start the release that wrote it/);
  });

  it('is damaged when its checksum is wrong, whatever its version says', async () => {
    const load = await directoryWith((bytes) => bytes.writeUInt32LE(1, 8));
    await expect(load()).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT' });
  });
});
