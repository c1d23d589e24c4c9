// The suite of the log's interface over the simulated file system: with the sizes of production, and with sizes so
// small that segments, runs, checkpoints and reads from files come all the time.

import { describe } from '@jest/globals';
import { describeBrokerLog } from '@pulses/testing-broker-log-conformance';
import { createSimFileSystem, createSimRandom, createSimClock, settle } from '@pulses/testing-sim';
import { openSegmentLog } from './open-segment-log';
import type { SegmentLogOptions } from './options';
import { conformanceHarness, ControlledDisk } from './testing/conformance-harness';
import { settled } from './testing/torture-run';

const SMALL: Partial<SegmentLogOptions> = {
  segmentBytesMax: 5_000,
  groupBytesMax: 4_000,
  tailBytesMax: 1_000,
  openFilesMax: 2,
};

describe.each([
  ['usual', {}],
  ['small', SMALL],
  ['small, recycled', { ...SMALL, journalMode: 'recycled' }],
] as const)('with %s sizes', (_, options) => {
  describeBrokerLog(
    'segment',
    (limits) => {
      const clock = createSimClock();
      const fileSystem = createSimFileSystem({ seed: 1 });
      const random = createSimRandom(1);
      const disk = new ControlledDisk(fileSystem);
      const under = {
        disk,
        setClock: (ms: number) => {
          clock.jumpWall(ms - clock.nowMs());
        },
        open: (all: Partial<SegmentLogOptions>) =>
          openSegmentLog({ fileSystem: disk.fileSystem, clock, random, directory: '/data', options: all }),
        pass: async () => {
          await clock.advance(100);
          await settle(20);
        },
        waitFor: async (call: Promise<void>) => {
          await settled({ clock, fileSystem }, call);
        },
        remove: () => Promise.resolve(),
      };
      return conformanceHarness(under, options, limits);
    },
    { restart: true },
  );
});
