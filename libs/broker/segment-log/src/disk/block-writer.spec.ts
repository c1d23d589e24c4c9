import { describe, expect, it } from '@jest/globals';
import { createSimFileSystem } from '@pulses/testing-sim';
import { BlockWriter } from './block-writer';

const MIB = 1024 * 1024;

/** What a file is asked for while 2.5 MiB are added in small pieces, and one piece that is longer than a block. */
async function callsOf(isHurried?: () => boolean): Promise<string[]> {
  const disk = createSimFileSystem({ seed: 1 });
  const file = await disk.open('/f', 'create');
  const calls: string[] = [];
  const output = new BlockWriter(
    {
      ...file,
      write: (bytes, position) => {
        calls.push(`${bytes.length / MIB} MiB at ${position / MIB}`);
        return file.write(bytes, position);
      },
      datasync: () => {
        calls.push('sync');
        return file.datasync();
      },
    },
    isHurried,
  );
  for (let piece = 0; piece < 5; piece += 1) await output.add(new Uint8Array(MIB / 2).fill(piece));
  await output.add(new Uint8Array(2 * MIB).fill(9));
  await output.flush();
  expect(disk.bytesOf('/f').filter((byte) => byte === 4)).toHaveLength(MIB / 2);
  expect(disk.bytesOf('/f')).toHaveLength(4.5 * MIB);
  return calls;
}

describe('a file that is written in blocks', () => {
  const writes = ['1 MiB at 0', '1 MiB at 1', '0.5 MiB at 2', '2 MiB at 2.5'];

  it('is synchronised after each, so that no burst of it delays others', async () => {
    expect(await callsOf()).toEqual(writes.flatMap((write) => [write, 'sync']));
  });

  it('is left to one synchronisation at its end while that is what others wait for', async () => {
    expect(await callsOf(() => true)).toEqual(writes);
  });
});
