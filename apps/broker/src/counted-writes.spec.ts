import { describe, expect, it } from '@jest/globals';
import { createSimFileSystem } from '@pulses/testing-sim';
import { countedWrites } from './counted-writes';

describe('counted writes', () => {
  it.each([
    ['nothing', 0, 0, 0],
    ['a byte', 0, 1, 1],
    ['a block', 4_096, 4_096, 1],
    ['two bytes across an edge', 4_095, 2, 2],
    ['a block across an edge', 100, 4_096, 2],
    ['many blocks', 64, 1_000_000, 245],
  ])('count the blocks of %s', async (_what, position, length, blocks) => {
    const counts: number[] = [];
    const fileSystem = countedWrites(createSimFileSystem({ seed: 1 }), (bytes) => counts.push(bytes));
    await fileSystem.makeDirectory('/d');
    const file = await fileSystem.open('/d/f', 'create');
    const half = length >> 1;
    expect(await file.write(new Uint8Array(length), position)).toBe(length);
    expect(await file.writev([new Uint8Array(half), new Uint8Array(length - half)], position)).toBe(length);
    expect(counts).toEqual([blocks * 4_096, blocks * 4_096]);
    const bytes = new Uint8Array(length);
    expect(await file.read(bytes, position)).toBe(length);
    await file.datasync();
    expect(await file.size()).toBe(length === 0 ? 0 : position + length);
    await file.close();
  });
});
