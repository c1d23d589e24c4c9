import { afterEach, describe, expect } from '@jest/globals';
import { until } from '@pulses/testing-processes';
import { itWith } from '@pulses/testing-scale';
import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isPulsesError } from '@pulses/shared-errors';
import type { BrokerLog } from '@pulses/broker-log-api';
import { openLog, publish, readMessages, temporaryDirectories } from './testing/log-fixture';
import { sizes } from './testing/torture-sizes';

const KIB = 1024;
const OPTIONS = {
  segmentBytesMax: 128 * KIB,
  topicSegmentBytesMax: 256 * KIB,
  checkpointBytes: 256 * KIB,
  materialiseDelayMs: 5,
  tailBytesMax: 64 * KIB,
};

const run = promisify(execFile);
const directories = temporaryDirectories();
let mounted: string | undefined;
let open: BrokerLog | undefined;

afterEach(async () => {
  const log = open;
  open = undefined;
  await log?.close().catch(() => undefined);
  if (mounted !== undefined) await run('umount', [mounted]);
  mounted = undefined;
  await directories.removeAll();
});

async function mountTmpfs(directory: string): Promise<void> {
  await run('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', directory]);
  mounted = directory;
}

/** Appends until there is no room; resolves to what was acknowledged. */
async function fill(log: BrokerLog, topic: string): Promise<string[]> {
  const stored: string[] = [];
  for (;;) {
    const message = `${topic}-${stored.length}-${'x'.repeat(16 * KIB)}`;
    try {
      await publish(log, topic, [message]);
    } catch (error) {
      if (isPulsesError(error, 'STORAGE_FULL')) return stored;
      throw error;
    }
    stored.push(message);
  }
}

const canPublish = (log: BrokerLog): Promise<boolean> =>
  publish(log, 'room', ['1']).then(
    () => true,
    () => false,
  );

describe('a real disk of 4 MiB', () => {
  itWith('mount')(
    'is filled and freed again and again without a restart and without a loss',
    async () => {
      const directory = await directories.make();
      await mountTmpfs(directory);
      const ballast = join(directory, 'ballast');
      for (let round = 0; round < sizes.fillings; round += 1) {
        const data = join(directory, `data-${round}`);
        // More than half: what was stored in the journal alone has to find room in the topics' files afterwards.
        await writeFile(ballast, Buffer.alloc((2_300 + (round % 5) * 100) * KIB));
        const log = (open = await openLog(data, { options: OPTIONS }));
        const stored = await fill(log, 'a');
        expect(stored.length).toBeGreaterThan(0);
        expect(await readMessages(log, 'a')).toEqual(stored);
        await rm(ballast);
        await until(() => canPublish(log));
        expect(await readMessages(log, 'a')).toEqual(stored);
        open = undefined;
        await log.close();
        open = await openLog(data, { options: OPTIONS });
        expect(await readMessages(open, 'a')).toEqual(stored);
        expect((await readMessages(open, 'room')).length).toBeGreaterThan(0);
        const reopened = open;
        open = undefined;
        await reopened.close();
        await rm(data, { recursive: true });
      }
    },
    sizes.timeoutMs,
  );
});
