import { describe, expect, it } from '@jest/globals';
import { createSimFileSystem, createSimRandom } from '@pulses/testing-sim';
import type { BrokerLog } from '@pulses/broker-log-api';
import type { SegmentLogOptions } from './options';
import { publish, readMessages } from './testing/log-fixture';
import { machineOn, openOn, settled, type Machine } from './testing/torture-run';

const OPTIONS: Partial<SegmentLogOptions> = { segmentBytesMax: 300, groupBytesMax: 20_000, journalMode: 'recycled' };

async function opened(on: Machine): Promise<BrokerLog> {
  const log = await openOn(on, { options: OPTIONS });
  if (log === undefined) throw new Error('the power is on');
  return log;
}

const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(() => 'stored').catch((error: { code: string }) => error.code);

describe('a full disk', () => {
  it('refuses all that was written together, for good: no power cut brings back what had found room', async () => {
    const disk = createSimFileSystem({ seed: 1, pageBytes: 64 });
    const on = machineOn(disk, createSimRandom(1));
    const log = await opened(on);
    // From the second segment on they are spares, written through.
    const kept = ['x'.repeat(250), 'y'.repeat(250), 'z'.repeat(250)];
    for (const message of kept) await publish(log, 'a', [message]);
    await on.clock.advance(10);
    disk.setCapacity(disk.usedBytes);
    // Together they are longer than what was written before, by their headers.
    const sent = [...Array.from({ length: 8 }, (_, index) => `small ${index}`), '1'.repeat(19_900)];
    const calls = sent.map((message) => publish(log, 'a', [message]));
    expect(await Promise.all(calls.map(codeOf))).toEqual(sent.map(() => 'STORAGE_FULL'));
    for (let seed = 1; seed <= 40; seed += 1) {
      const after = machineOn(disk.afterPowerCut(seed), createSimRandom(seed));
      const again = await opened(after);
      expect(await readMessages(again, 'a')).toEqual(kept);
      await settled(after, again.close());
    }
    disk.setCapacity(Infinity);
    await publish(log, 'a', ['later']);
    expect(await readMessages(log, 'a')).toEqual([...kept, 'later']);
    await settled(on, log.close());
  });

  it('is not filled by what sealing and checkpoints could not finish: it holds no more than was there', async () => {
    const disk = createSimFileSystem({ seed: 1 });
    const on = machineOn(disk, createSimRandom(1));
    const log = await openOn(on, { options: { segmentBytesMax: 2_000, journalMode: 'append' } });
    if (log === undefined) throw new Error('the power is on');
    for (let at = 0; at < 11; at += 1) await publish(log, 'a', ['x'.repeat(100)]);
    // Enough for the next messages, not for a run.
    disk.setCapacity(disk.usedBytes + 900);
    for (let at = 0; at < 3; at += 1) {
      await on.clock.advance(200);
      expect(await codeOf(publish(log, 'a', ['x'.repeat(100)]))).toBe('stored');
    }
    expect(disk.files().filter((path) => path.endsWith('.tmp'))).toEqual([]);
    disk.setCapacity(Infinity);
    await settled(on, log.close());
  });

  it('and missing descriptors leave segments short enough to be sealed', async () => {
    const disk = createSimFileSystem({ seed: 1 });
    const on = machineOn(disk, createSimRandom(1));
    const segmentBytesMax = 2_000;
    const log = await openOn(on, { options: { segmentBytesMax, journalMode: 'append' } });
    if (log === undefined) throw new Error('the power is on');
    disk.setFault({ call: 0, kind: 'EMFILE', only: ['create'], isForEver: true });
    const codes: string[] = [];
    for (let at = 0; at < 50; at += 1) codes.push(await codeOf(publish(log, 'a', [`${at}`.padEnd(100)])));
    const lengths = disk.files().map((path) => disk.bytesOf(path).length);
    expect(Math.max(...lengths)).toBeLessThan(2 * segmentBytesMax + 200);
    expect(new Set(codes)).toEqual(new Set(['stored', 'STORAGE_FULL']));
    disk.setFault(undefined);
    await on.clock.advance(200);
    await publish(log, 'a', ['later']);
    const stored = codes.filter((code) => code === 'stored').length;
    expect(await readMessages(log, 'a')).toHaveLength(stored + 1);
    await settled(on, log.close());
  });
});
