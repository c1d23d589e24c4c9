import { describe, expect, it } from '@jest/globals';
import { columnsOf, payloadOf } from '@pulses/broker-wire';
import type { FileSystem } from '@pulses/shared-ports';
import { createSimFileSystem, createSimRandom } from '@pulses/testing-sim';
import { machineOn, openOn, settled, type Machine } from '../testing/torture-run';

const TOPICS = Array.from({ length: 100 }, (_, topic) => topic);
const LINE_BYTES = 8_000;
const FRAME_BYTES = TOPICS.length * LINE_BYTES;
const nameOf = (topic: number): string => `t${topic}`;
const lineOf = (topic: number): Buffer => Buffer.from(`${topic} `.padEnd(LINE_BYTES - 1, 'x') + '\n');

const isLine = (payloads: readonly Uint8Array[] = [], topic: number): boolean =>
  lineOf(topic).equals(Buffer.concat(payloads));

/** The same file system, with the number of bytes that were read from files. */
function counted(fileSystem: FileSystem): { fileSystem: FileSystem; readBytes(): number } {
  let readBytes = 0;
  const open: FileSystem['open'] = async (path, mode) => {
    const handle = await fileSystem.open(path, mode);
    return {
      ...handle,
      read: async (into, position) => {
        const count = await handle.read(into, position);
        readBytes += count;
        return count;
      },
    };
  };
  return { fileSystem: { ...fileSystem, open }, readBytes: () => readBytes };
}

/** A log with one commit, a line for each topic, and a way to read a topic. */
async function withLargeFrame(
  work: (
    on: Machine,
    read: (topic: number) => Promise<readonly Uint8Array[]>,
    readBytes: () => number,
  ) => Promise<void>,
): Promise<void> {
  const on = machineOn(createSimFileSystem({ seed: 1 }), createSimRandom(1));
  const { fileSystem, readBytes } = counted(on.fileSystem);
  const log = await openOn(on, { fileSystem, options: { tailBytesMax: 0 } });
  if (log === undefined) throw new Error('the power is on');
  const { incarnation } = await log.createTopic('source');
  const groupEpoch = await log.advanceGroupEpoch('g');
  const rows = columnsOf(
    TOPICS.map((topic) => ({ topic: nameOf(topic), recordCount: 1, ...payloadOf(lineOf(topic)) })),
  );
  await log.commit({ group: 'g', groupEpoch, topic: 'source', incarnation, positions: [], ...rows });
  const before = readBytes();
  const read = async (topic: number): Promise<readonly Uint8Array[]> => {
    const batches = await log.read(nameOf(topic), log.topic(nameOf(topic))?.incarnation ?? '', 0, 1 << 20);
    return batches.map(({ payload }) => payload);
  };
  await work(on, read, () => readBytes() - before);
  await settled(on, log.close());
}

/** Changes a byte of a topic's line in the journal. */
function damage({ fileSystem }: Machine, topic: number): void {
  const path = fileSystem.files().find((file) => file.endsWith('.journal')) ?? '';
  const bytes = Buffer.from(fileSystem.bytesOf(path));
  bytes[bytes.indexOf(lineOf(topic)) + LINE_BYTES / 2] = 0x79;
  fileSystem.replaceBytes(path, bytes);
}

describe('a large frame of many topics, neither in memory nor sealed', () => {
  it('is read as a whole once, however many of its topics are read, and at a time', async () => {
    await withLargeFrame(async (_on, read, readBytes) => {
      const atOnce = await Promise.all(TOPICS.map(read));
      for (const topic of TOPICS) {
        expect(isLine(atOnce[topic], topic)).toBe(true);
        expect(isLine(await read(topic), topic)).toBe(true);
      }
      expect(readBytes()).toBe(3 * FRAME_BYTES);
    });
  });

  it('is refused when any topic of it is damaged before it was read', async () => {
    await withLargeFrame(async (on, read) => {
      damage(on, 7);
      await expect(Promise.all([read(7), read(8)])).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT' });
      await expect(read(8)).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT' });
    });
  });

  it('is refused by the topic when one is damaged later', async () => {
    await withLargeFrame(async (on, read) => {
      await read(8);
      damage(on, 7);
      expect(isLine(await read(8), 8)).toBe(true);
      await expect(read(7)).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT' });
    });
  });
});
