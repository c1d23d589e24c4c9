import { describe, expect, it } from '@jest/globals';
import { faultsOfScript, runWithFault } from './testing/torture-faults';
import { violationsOf } from './testing/torture-lives';
import { seedsOf, sizes } from './testing/torture-sizes';

describe('failing calls of the file system', () => {
  it(
    'lose nothing that was acknowledged, whichever call fails and however; a full disk is survived without a restart',
    async () => {
      const { faults, operations } = await faultsOfScript(sizes.quotaFaultEvery);
      expect(operations).toBeGreaterThanOrEqual(200);
      const numbers = seedsOf(faults.length);
      expect(await violationsOf(numbers, (number) => runWithFault(faults[number - 1]!))).toEqual([]); // numbered from 1
    },
    sizes.timeoutMs,
  );
});
