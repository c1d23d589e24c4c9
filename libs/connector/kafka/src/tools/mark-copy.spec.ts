import { describe, expect, it } from '@jest/globals';
import { copyMark, type MarkBits, type MarkStore } from './mark-copy';

const bitsAt = (bits: number, offset: number): MarkBits => ({ offset, metadata: Buffer.of(bits).toString('base64') });

/** A mark and its copy; `before` is called before each step with its number from 1. */
function memoryStore(before: (step: number) => Promise<void> | void = () => undefined) {
  const stored: { mark?: MarkBits; copy?: MarkBits } = {};
  let steps = 0;
  const process = (hook: typeof before): MarkStore => ({
    readMark: async () => (await hook((steps += 1)), stored.mark),
    readCopy: async () => (await hook((steps += 1)), stored.copy),
    async writeCopy(bits) {
      await hook((steps += 1));
      stored.copy = bits;
    },
  });
  return { stored, paused: process(before), other: process(() => undefined) };
}

describe('the copy of a mark', () => {
  // A first copy has five steps: two reads, the write, two reads.
  it.each([1, 2, 3, 4, 5])('of an overtaken process that sleeps before step %d has the other’s bits', async (at) => {
    let isOvertaken = false;
    const { stored, paused, other } = memoryStore(async (step) => {
      if (step !== at || isOvertaken) return;
      isOvertaken = true;
      stored.mark = bitsAt(3, 2);
      await copyMark(other, bitsAt(3, 2));
    });
    stored.mark = bitsAt(1, 1);
    await copyMark(paused, bitsAt(1, 1));
    expect(isOvertaken).toBe(true);
    expect(stored.copy).toEqual(bitsAt(3, 2));
  });

  it('keeps what only it still holds, since Kafka forgets marks', async () => {
    const { stored, paused } = memoryStore();
    stored.copy = bitsAt(6, 7);
    await copyMark(paused, bitsAt(1, 3));
    expect(stored.copy).toEqual(bitsAt(7, 7));
  });

  it('ends when others change it all the time', async () => {
    const { stored, paused } = memoryStore(() => {
      stored.copy = bitsAt(0, 0);
    });
    await expect(copyMark(paused, bitsAt(1, 1))).rejects.toMatchObject({ code: 'FENCED' });
  });
});
