// Clients that leave names behind: producers that never retire, groups that come once.
//
// The broker's memory stays bounded, and comes back once the names have expired. Its clocks are moved for that, and its
// hourly work comes each second.

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Request } from '@pulses/broker-wire';
import { peakMemoryMiB, residentMemoryMiB } from '@pulses/testing-benches';
import {
  makeTempDirectory,
  startApp,
  freePort,
  until,
  type RunningApp,
  type TempDirectory,
} from '@pulses/testing-processes';
import { connectWire, lines, type WireClient } from '@pulses/testing-wire-client';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const PRODUCERS = 60_000;
const JOINED_NAMES = 30_000;
const GROUPS = 500;
/** Requests under way: the broker reads no further at 1,024. */
const IN_FLIGHT = 500;
/** Groups that one connection is a member of. */
const MEMBERSHIPS_MAX = 64;
const MEMORY_MIB_MAX = 250;
/** Of the heap that the names took; the rest belongs to the messages. */
const FREED_PART_MIN = 0.75;
/** Of the resident memory that they took. */
const RETURNED_PART_MIN = 0.5;
/** V8 unmaps its free pages at a collection of its own, 8 s after the last one, unless much is allocated. */
const UNMAPPED_WITHIN_MS = 60_000;
const EIGHT_DAYS_MS = 8 * 86_400_000;
const TIMEOUT_MS = 300_000;

/**
 * Loaded before the broker's bundle: work of every ten minutes and more is due in a second. SIGUSR2 collects garbage and
 * tells the heap that is left. From the second one on eight days have passed, by each clock.
 */
const SHIM = `
const [now, monotonic, later] = [Date.now, performance.now.bind(performance), setTimeout];
let count = 0;
const passed = () => (count > 1 ? ${EIGHT_DAYS_MS} : 0);
Date.now = () => now() + passed();
performance.now = () => monotonic() + passed();
globalThis.setTimeout = (run, ms, ...rest) => later(run, ms >= 600000 ? 1000 : ms, ...rest);
require('node:v8').setFlagsFromString('--expose-gc');
const collect = require('node:vm').runInNewContext('gc');
process.on('SIGUSR2', () => {
  collect();
  process.stderr.write('heap ' + (count += 1) + ': ' + process.memoryUsage().heapUsed + '\\n');
});
`;

function numbers(from: number, end: number): number[] {
  return Array.from({ length: end - from }, (_, index) => from + index);
}

function firstBatch(index: number): Request {
  const producer = { id: index.toString(16).padStart(32, '0'), epoch: 0, sequence: 0 };
  return { type: 'produce', producer, topic: 't', ...lines('x') };
}

describe('names that clients leave behind', () => {
  let directory: TempDirectory;
  let broker: RunningApp;
  let client: WireClient;
  let port: number;

  beforeEach(async () => {
    directory = await makeTempDirectory();
    port = await freePort();
    const shim = join(directory.path, 'shim.cjs');
    await writeFile(shim, SHIM);
    const args = [`--port=${port}`, `--http-port=${await freePort()}`, `--data-dir=${join(directory.path, 'data')}`];
    broker = startApp({
      app: 'broker',
      args: [...args, '--log-level=info'],
      env: { NODE_OPTIONS: `--require=${shim}` },
    });
    await broker.waitForReady();
    client = await connectWire(port);
  });
  afterEach(async () => {
    client.close();
    await broker.stop();
    await directory.remove();
  });

  /** What is left of the broker's heap after a garbage collection. */
  async function heapMiB(count: number): Promise<number> {
    broker.signal('SIGUSR2');
    const line = new RegExp(`heap ${count}: (\\d+)\\n`);
    await broker.waitForOutput(line);
    return Math.round(Number(line.exec(broker.stderr)?.[1]) / 2 ** 20);
  }

  async function publishAsOthers(): Promise<void> {
    for (let from = 0; from < PRODUCERS; from += IN_FLIGHT)
      await Promise.all(numbers(from, from + IN_FLIGHT).map((index) => client.request('produced', firstBatch(index))));
  }

  /** Joins and leaves; a refused join counts as one. */
  async function joinOnce(names: readonly string[]): Promise<void> {
    const member = { member: 'm', leaseMs: 60_000 };
    for (let from = 0; from < names.length; from += MEMBERSHIPS_MAX) {
      await Promise.all(
        names.slice(from, from + MEMBERSHIPS_MAX).map(async (group) => {
          const joined = client.request('group-joined', { type: 'join-group', group, ...member });
          const { groupEpoch } = await joined.catch(() => ({ groupEpoch: 0 }));
          await client.request('done', { type: 'leave-group', group, groupEpoch });
        }),
      );
    }
  }

  it(
    'take bounded memory, and give it back once they have expired',
    async () => {
      const before = await heapMiB(1);
      const residentMiB = residentMemoryMiB(broker.pid);
      await joinOnce(numbers(0, GROUPS).map((index) => `group ${index}`));
      await publishAsOthers();
      await joinOnce(numbers(0, JOINED_NAMES).map((index) => `name ${index}`));
      const groups = async () =>
        (await client.request('groups', { type: 'list-groups', after: { group: '', source: '' }, limit: 1_000 }))
          .groups;
      expect(await groups()).toHaveLength(1_000);
      const full = await heapMiB(2);
      await broker.waitForOutput(/producers forgotten/);
      await until(async () => (await groups()).length === 0);
      const after = await heapMiB(3);
      const peakMiB = peakMemoryMiB(broker.pid);
      process.stdout.write(
        `resident ${residentMiB} MiB, at most ${peakMiB} MiB; heap in MiB: ${JSON.stringify({ before, full, after })}\n`,
      );
      expect(peakMiB).toBeLessThanOrEqual(MEMORY_MIB_MAX);
      expect(after).toBeLessThanOrEqual(full - FREED_PART_MIN * (full - before));
      const returnedMiB = peakMiB - RETURNED_PART_MIN * (peakMiB - residentMiB);
      await until(() => residentMemoryMiB(broker.pid) <= returnedMiB, UNMAPPED_WITHIN_MS);
      process.stdout.write(`resident in the end ${residentMemoryMiB(broker.pid)} MiB\n`);
    },
    TIMEOUT_MS,
  );
});
