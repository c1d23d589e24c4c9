// The suite of the log's interface on a real disk.

import { describe } from '@jest/globals';
import { nodeFileSystem, nodeRandom } from '@pulses/shared-node-platform';
import { describeBrokerLog } from '@pulses/testing-broker-log-conformance';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSegmentLog } from './open-segment-log';
import type { SegmentLogOptions } from './options';
import { conformanceHarness, ControlledDisk } from './testing/conformance-harness';
import { settableClock, temporaryDirectories } from './testing/log-fixture';

const directories = temporaryDirectories();

describe.each(['append', 'recycled'] as const)('with the journal mode %s', (journalMode) => {
  describeBrokerLog(
    'segment',
    async (limits) => {
      const directory = await directories.make();
      const clock = settableClock(1_000);
      const disk = new ControlledDisk(nodeFileSystem);
      const under = {
        disk,
        setClock: clock.setMs,
        open: (options: Partial<SegmentLogOptions>) =>
          openSegmentLog({ fileSystem: disk.fileSystem, clock, random: nodeRandom, directory, options }),
        pass: () => sleep(2),
        waitFor: (call: Promise<void>) => call,
        remove: () => directories.removeAll(),
      };
      const options = { journalMode, segmentBytesMax: 20_000, groupBytesMax: 20_000, tailBytesMax: 10_000 };
      return await conformanceHarness(under, options, limits);
    },
    { restart: true },
  );
});
