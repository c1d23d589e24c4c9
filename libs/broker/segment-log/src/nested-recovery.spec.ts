import { describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import { createSimFileSystem, createSimRandom } from '@pulses/testing-sim';
import { finish, NOTHING_YET, recovered, violationsOf, type Wrap } from './testing/torture-lives';
import { machineOn, openOn, runOperations } from './testing/torture-run';
import { sizes } from './testing/torture-sizes';

const UNCHANGED: Wrap = (fileSystem) => fileSystem;
const CRASHES = 6;

/** A power cut under load, then one after the other while the log is being opened. */
async function crashWhileOpening(seed: number): Promise<void> {
  const random = createSimRandom(seed);
  let disk = createSimFileSystem({ seed, pageBytes: 64 });
  const mode = seed % 2 === 0 ? 'append' : 'recycled';
  let machine = machineOn(disk, random, undefined, mode);
  const log = await openOn(machine);
  expect(log).toBeDefined();
  disk.cutPowerAt(disk.trace.length + 100 + Math.floor(random.fraction() * 500));
  let books = await runOperations({ machine, log: log!, model: NOTHING_YET.model, steps: 100 }); // defined
  for (let crash = 0; crash < CRASHES; crash += 1) {
    disk = disk.afterPowerCut(seed * 17 + crash);
    machine = machineOn(disk, random, 1_700_000_000_000 + crash, mode);
    disk.cutPowerAt(1 + Math.floor(random.fraction() * 60));
    ({ books } = await recovered(machine, books, UNCHANGED));
  }
  disk = disk.afterPowerCut(seed * 17 + CRASHES);
  await finish(disk, machineOn(disk, random), books, UNCHANGED);
}

describe(`power cuts while the log is opened after a power cut (${SCALE.note})`, () => {
  it(
    'leave a directory that opens with all that was acknowledged, however many there are',
    async () => {
      expect(await violationsOf(SCALE.seeds(sizes.nestedRecoveries), crashWhileOpening)).toEqual([]);
    },
    sizes.timeoutMs,
  );
});
