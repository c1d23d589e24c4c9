// The suite of the log's interface on a real disk.

import { nodeFileSystem, nodeRandom } from '@pulses/shared-node-platform';
import { describeBrokerLog } from '@pulses/testing-broker-log-conformance';
import { setTimeout as sleep } from 'node:timers/promises';
import { openBrokerLog } from './open-broker-log';
import type { BrokerLogOptions } from './options';
import { conformanceHarness, ControlledDisk } from './testing/conformance-harness';
import { settableClock, temporaryDirectories } from './testing/log-fixture';

const directories = temporaryDirectories();

describeBrokerLog(
  'journal',
  async (limits) => {
    const directory = await directories.make();
    const clock = settableClock(1_000);
    const disk = new ControlledDisk(nodeFileSystem);
    const under = {
      disk,
      setClock: clock.setMs,
      open: (options: Partial<BrokerLogOptions>) =>
        openBrokerLog({ fileSystem: disk.fileSystem, clock, random: nodeRandom, directory, options }),
      pass: () => sleep(2),
      waitFor: (call: Promise<void>) => call,
      remove: () => directories.removeAll(),
    };
    return await conformanceHarness(under, { materialiseDelayMs: 1, tailBytesMax: 10_000 }, limits);
  },
  { restart: true },
);
