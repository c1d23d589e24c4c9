import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeProgram, makeTempDirectory, type Program, type TempDirectory } from '@pulses/testing-processes';
import { execFileSync } from 'node:child_process';

const SOURCE = `
import { getHeapSpaceStatistics } from 'node:v8';
import { keepYoungGenerationSmall } from '@pulses/shared-service-host';

if (process.argv[2] === 'small') keepYoungGenerationSmall();
const kept: object[] = [];
let rounds = 0;
const round = () => {
  for (let index = 0; index < 100_000; index += 1) kept[index % 20_000] = { index, list: [index] };
  rounds += 1;
  if (rounds < 100) setImmediate(round);
  else process.stdout.write(String(getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space').space_size));
};
round();
`;

let directory: TempDirectory;
let program: Program;

beforeAll(async () => {
  directory = await makeTempDirectory();
  program = await makeProgram(directory.path, SOURCE);
});
afterAll(() => directory.remove());

const youngBytes = (mode: string): number => Number(execFileSync(process.execPath, [program.path, mode], { encoding: 'utf8' }));

describe('the young generation', () => {
  it('stays small, where Node would let it grow', () => {
    expect(youngBytes('small')).toBeLessThan(20_000_000);
    expect(youngBytes('as it is')).toBeGreaterThan(30_000_000);
  });
});
