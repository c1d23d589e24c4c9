import { PulsesError } from '@pulses/shared-errors';
import { describeBrokerLog } from '@pulses/testing-broker-log-conformance';
import { createSimClock, settle } from '@pulses/testing-sim';
import { createMemoryLog } from './memory-log';

describeBrokerLog(
  'memory',
  async (limits) => {
    const clock = createSimClock();
    const log = createMemoryLog(clock, limits);
    return await Promise.resolve({
      log,
      setClock: (ms) => {
        clock.jumpWall(ms - clock.nowMs());
      },
      settle: () => settle(1),
      holdDisk: () => {
        log.holdDisk();
      },
      releaseDisk: () => {
        log.releaseDisk();
      },
      atDisk: () => settle(1),
      setDiskFull: (isFull) => {
        log.refuseWith(isFull ? new PulsesError('STORAGE_FULL') : undefined);
      },
      breakDisk: () => {
        log.breakDisk();
      },
      restart: () => Promise.reject(new TypeError('a log in memory has no restart')),
      close: () => {
        log.releaseDisk();
        return log.close();
      },
    });
  },
  { restart: false },
);
