// The wall clock jumps, a restart finds it in the past: the log's time never runs back. A failure prints its seed.

import { describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import { createSimClock, createSimFileSystem, createSimRandom, settle } from '@pulses/testing-sim';
import type { BrokerLog } from '@pulses/broker-log-api';
import { openBrokerLog } from './open-broker-log';

const HOUR_MS = 3_600_000;
const JUMPS_MS = [HOUR_MS, -HOUR_MS, 24 * HOUR_MS, -24 * HOUR_MS, 1, -1];
const payload = Buffer.from('m\n');

async function timestampsOf(log: BrokerLog): Promise<number[]> {
  const info = log.topic('t');
  if (info === undefined) return [];
  const stamps: number[] = [];
  while (stamps.length < info.nextOffset) {
    const batches = await log.read('t', info.incarnation, stamps.length, 1 << 20);
    for (const { recordCount, timestampMs } of batches)
      stamps.push(...Array.from({ length: recordCount }, () => timestampMs));
  }
  return stamps;
}

describe('log time', () => {
  it.each(SCALE.seeds(SCALE.sizeOf({ sample: 6, fault: 20 })))('never runs backwards, seed %i', async (seed) => {
    const random = createSimRandom(seed);
    const pick = (count: number) => Math.floor(random.fraction() * count);
    const clock = createSimClock();
    const fileSystem = createSimFileSystem({ seed });
    const open = () => openBrokerLog({ fileSystem, clock, random, directory: '/data' });
    let log = await open();
    /** The latest time that was given out, to a message or to a reader at the head. */
    let given = 0;
    const acknowledged: number[] = [];
    for (let step = 0; step < 60; step += 1) {
      if (pick(3) === 0) clock.jumpWall(JUMPS_MS[pick(JUMPS_MS.length)]!); // below the length
      if (pick(10) === 0) {
        // Unread heads of a clean stop count as well.
        given = Math.max(given, log.clockMs());
        const closing = log.close();
        await clock.advance(1_000);
        await closing;
        clock.jumpWall(-48 * HOUR_MS);
        log = await open();
      }
      await clock.advance(pick(500));
      const appended = log.append({ topic: 't', recordCount: 1, payload });
      const headMs = log.clockMs();
      await settle();
      const { timestampMs } = await appended;
      expect([step, timestampMs >= given]).toEqual([step, true]);
      expect([step, timestampMs >= headMs]).toEqual([step, true]);
      acknowledged.push(timestampMs);
      given = Math.max(timestampMs, log.clockMs());
    }
    expect(await timestampsOf(log)).toEqual(acknowledged);
    const closing = log.close();
    await clock.advance(1_000);
    await closing;
  });

  it('follows the wall clock again once that has caught up', async () => {
    const random = createSimRandom(1);
    const clock = createSimClock();
    const log = await openBrokerLog({
      fileSystem: createSimFileSystem({ seed: 1 }),
      clock,
      random,
      directory: '/data',
    });
    const startMs = clock.nowMs();
    clock.jumpWall(HOUR_MS);
    expect(log.clockMs()).toBe(startMs + HOUR_MS);
    clock.jumpWall(-HOUR_MS);
    await clock.advance(HOUR_MS / 2);
    expect(log.clockMs()).toBe(startMs + HOUR_MS);
    await clock.advance(HOUR_MS);
    expect(log.clockMs()).toBe(startMs + 1.5 * HOUR_MS);
    await log.close();
  });
});
