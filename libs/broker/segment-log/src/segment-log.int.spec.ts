// The log on a real disk, with as much as makes hundreds of segments.

import { afterEach, describe, expect, it } from '@jest/globals';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SCALE } from '@pulses/testing-scale';
import { createSimRandom } from '@pulses/testing-sim';
import { nodeClock, nodeFileSystem, nodeRandom } from '@pulses/shared-node-platform';
import { until } from '@pulses/testing-processes';
import type { SegmentLog } from './segment-log';
import { openSegmentLog } from './open-segment-log';
import type { SegmentLogOptions } from './options';
import { lines, readMessages, temporaryDirectories } from './testing/log-fixture';

const directories = temporaryDirectories();
let open: SegmentLog | undefined;

async function start(directory: string, options: Partial<SegmentLogOptions>): Promise<SegmentLog> {
  const kindOf = (topic: string): number => (topic.startsWith('source') ? 0 : 1);
  const platform = { fileSystem: nodeFileSystem, clock: nodeClock, random: nodeRandom };
  open = await openSegmentLog({ ...platform, directory, options, kindOf });
  return open;
}

afterEach(async () => {
  await open?.close();
  open = undefined;
  await directories.removeAll();
});

const nameOf = (topic: number): string => (topic === 0 ? 'source' : `tenant-${topic}`);

/** Reads a topic to its end as it grows. */
async function follow(log: SegmentLog, topic: string, isDone: () => boolean): Promise<string[]> {
  const messages: string[] = [];
  const { incarnation } = await log.createTopic(topic);
  let wake: () => void = () => undefined;
  const stop = log.onChange(topic, () => {
    wake();
  });
  let next = 0;
  for (;;) {
    const end = log.topic(topic)?.nextOffset ?? 0;
    if (next === end) {
      if (isDone()) break;
      await new Promise<void>((resolve) => {
        wake = resolve;
        if ((log.topic(topic)?.nextOffset ?? 0) > next || isDone()) resolve();
      });
      continue;
    }
    for (const { baseOffset, recordCount, payload } of await log.read(topic, incarnation, next, 20_000)) {
      expect(baseOffset).toBe(next);
      messages.push(...Buffer.from(payload).toString().split('\n').slice(0, -1));
      next += recordCount;
    }
  }
  stop();
  return messages;
}

describe.each(['append', 'recycled'] as const)('with the journal mode %s', (journalMode) => {
  it('stores, serves to followers, seals and finds again what many topics got', async () => {
    const directory = await directories.make();
    const random = createSimRandom(SCALE.seed);
    const below = (count: number): number => Math.floor(random.fraction() * count);
    const options = { journalMode, segmentBytesMax: 100_000, groupBytesMax: 50_000, tailBytesMax: 64_000 };
    let log = await start(directory, options);
    const stored = new Map<string, string[]>();
    let isDone = false;
    const followers = [0, 1, 2].map((topic) => follow(log, nameOf(topic), () => isDone));
    for (let round = 0; round < 300; round += 1) {
      const sent = Array.from({ length: 1 + below(20) }, () => {
        const topic = nameOf(below(4) === 0 ? 0 : below(60));
        const texts = Array.from({ length: 1 + below(8) }, (_, index) =>
          `${topic} ${round}.${index} `.padEnd(20 + below(400), 'x'),
        );
        stored.set(topic, [...(stored.get(topic) ?? []), ...texts]);
        return log.append({ topic, ...lines(...texts) });
      });
      await Promise.all(sent);
    }
    isDone = true;
    // Wakes the followers that have everything.
    for (const topic of [0, 1, 2].map(nameOf)) {
      await log.append({ topic, ...lines('end') });
      stored.get(topic)?.push('end');
    }
    const followed = await Promise.all(followers);
    for (const [topic, messages] of followed.entries()) expect(messages).toEqual(stored.get(nameOf(topic)));
    await until(() => Promise.resolve(log.unsealedBytes === 0));
    const journal = await readdir(join(directory, 'journal'));
    expect(journal.filter((name) => name.endsWith('.journal')).length).toBeLessThanOrEqual(5);
    expect((await readdir(join(directory, 'runs'))).length).toBeGreaterThan(20);
    for (let life = 0; life < 2; life += 1) {
      for (const [topic, messages] of stored) expect(await readMessages(log, topic, 30_000)).toEqual(messages);
      await log.close();
      log = await start(directory, options);
    }
    await log.deleteTopics([]);
    expect(log.topics({ prefix: '', after: '', limit: 10 }).topics).toEqual([]);
  });
});
