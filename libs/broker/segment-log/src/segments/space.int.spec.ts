// What a real disk gets back.

import { afterEach, describe, expect, it } from '@jest/globals';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeClock, nodeFileSystem, nodeRandom } from '@pulses/shared-node-platform';
import { until } from '@pulses/testing-processes';
import { openSegmentLog } from '../open-segment-log';
import type { OpenSegmentLogOptions } from '../options';
import type { SegmentLog } from '../segment-log';
import { lines, readMessages, temporaryDirectories } from '../testing/log-fixture';

const SEGMENT_BYTES = 256 * 1024;
/** Segments that are full or in use, those that wait for the second checkpoint, and the checkpoints. */
const FIXED_BYTES = 6 * SEGMENT_BYTES;

const directories = temporaryDirectories();
let open: SegmentLog | undefined;

async function start(directory: string, rest: Partial<OpenSegmentLogOptions> = {}): Promise<SegmentLog> {
  const options = {
    segmentBytesMax: SEGMENT_BYTES,
    retentionIntervalMs: 20,
    segmentAgeMaxMs: 100,
    fsync: { mode: 'never' },
  } as const;
  const platform = { fileSystem: nodeFileSystem, clock: nodeClock, random: nodeRandom };
  open = await openSegmentLog({ ...platform, directory, options, ...rest });
  return open;
}

afterEach(async () => {
  await open?.close();
  open = undefined;
  await directories.removeAll();
});

/** Blocks that the file system has given to the directory's files. */
async function bytesOnDisk(directory: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const found = await stat(join(entry.parentPath, entry.name)).catch(() => undefined);
    bytes += (found?.blocks ?? 0) * 512;
  }
  return bytes;
}

/** Stores messages in topics in turns. */
async function fill(log: SegmentLog, topics: readonly string[], bytes: number): Promise<void> {
  const some = lines(...Array.from({ length: 100 }, (_, index) => `${index}`.padEnd(99, 'x')));
  for (let stored = 0; stored < bytes;) {
    await Promise.all(topics.map((topic) => log.append({ topic, ...some })));
    stored += topics.length * some.payload.length;
  }
}

describe('the disk gets the space back', () => {
  it('of messages that retention removes', async () => {
    const directory = await directories.make();
    const bytes = 2 * SEGMENT_BYTES;
    let log = await start(directory, { retention: () => ({ bytes }) });
    await fill(log, ['a', 'b'], 8_000_000);
    await until(async () => (await bytesOnDisk(directory)) < 2 * (bytes + SEGMENT_BYTES) + FIXED_BYTES);
    // Without retention nothing goes while it is read.
    await log.close();
    log = await start(directory);
    expect(log.topic('a')?.bytes).toBeGreaterThanOrEqual(bytes);
    expect((await readMessages(log, 'a')).length).toBeGreaterThanOrEqual(bytes / 100);
  });

  it('of topics that are deleted, but for one that lies between them, and of all', async () => {
    const directory = await directories.make();
    const log = await start(directory);
    const gone = Array.from({ length: 50 }, (_, topic) => `gone-${topic}`);
    // One batch of it in every run.
    for (let round = 0; round < 32; round += 1) {
      await fill(log, ['kept'], 10_000);
      await fill(log, gone, SEGMENT_BYTES);
    }
    const kept = await readMessages(log, 'kept');
    expect(await bytesOnDisk(directory)).toBeGreaterThan(8_000_000);
    await log.deleteTopics(gone);
    await until(async () => (await bytesOnDisk(directory)) < 2 * 32 * 10_000 + FIXED_BYTES);
    expect(await readMessages(log, 'kept')).toEqual(kept);
    await log.deleteTopics([]);
    await until(async () => (await readdir(join(directory, 'runs'))).length === 0);
    expect(await bytesOnDisk(directory)).toBeLessThan(FIXED_BYTES);
  });
});
