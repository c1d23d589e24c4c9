import { describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import { faultsOfScript, runWithFault } from './testing/torture-faults';
import { violationsOf } from './testing/torture-lives';
import { sizes } from './testing/torture-sizes';

describe(`failing calls of the file system (${SCALE.note})`, () => {
  it(
    'lose nothing that was acknowledged, whichever call fails and however; a full disk is survived without a restart',
    async () => {
      const { faults, operations } = await faultsOfScript(sizes.quotaFaultEvery);
      expect(operations).toBeGreaterThanOrEqual(200);
      const numbers = SCALE.everyNth([...faults.keys()], sizes.failingCallStep);
      expect(await violationsOf(numbers, (number) => runWithFault(faults[number]!))).toEqual([]); // below the length
    },
    sizes.timeoutMs,
  );
});
