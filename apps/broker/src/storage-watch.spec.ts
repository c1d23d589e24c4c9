import { describe, expect, it } from '@jest/globals';
import { createSimClock } from '@pulses/testing-sim';
import { StorageWatch } from './storage-watch';

const FULL = { ready: false, reason: 'the disk of the data directory is full' };

describe('the storage of a broker', () => {
  const start = () => {
    const clock = createSimClock();
    const disk: { free: number | undefined } = { free: 1e9 };
    const watch = new StorageWatch({ clock, freeBytes: () => Promise.resolve(disk.free) });
    watch.start();
    return { clock, disk, watch };
  };

  it('is not ready within 5 s of a full disk, although nothing is written, until there is room', async () => {
    const { clock, disk, watch } = start();
    await clock.advance(5_000);
    expect(watch.readiness()).toEqual({ ready: true });
    disk.free = 4096;
    await clock.advance(5_000);
    expect(watch.readiness()).toEqual(FULL);
    disk.free = 1e9;
    await clock.advance(5_000);
    expect(watch.readiness()).toEqual({ ready: true });
    watch.stop();
  });

  it('is not ready within 5 s of the loss of its directory, although writes to open files go on', async () => {
    const { clock, disk, watch } = start();
    disk.free = undefined;
    await clock.advance(5_000);
    watch.stored();
    expect(watch.readiness()).toEqual({ ready: false, reason: 'the data directory is gone' });
    watch.stop();
  });

  it('is not ready at once when a change is refused, until one is stored or 5 s pass', async () => {
    const { clock, watch } = start();
    watch.refused();
    expect(watch.readiness()).toEqual(FULL);
    watch.stored();
    expect(watch.readiness()).toEqual({ ready: true });
    watch.refused();
    await clock.advance(4_999);
    expect(watch.readiness()).toEqual(FULL);
    await clock.advance(1);
    expect(watch.readiness()).toEqual({ ready: true });
    watch.stop();
  });
});
