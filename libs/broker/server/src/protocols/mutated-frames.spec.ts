// Mutated frames against real connections: 8,000 in each test run, 100,000 with the faults, 5,000,000 in the nightly run.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import { runMutants, type MutantTally } from '../testing/mutant-run';

const MUTANTS_PER_SEED = SCALE.sizeOf({ sample: 8_000, fault: 20_000 });
const SEEDS = SCALE.sizeOf({ sample: 1, fault: 5, torture: 250 });
/** For some 6,000 connections. Not measured in a sample, which may share the machine with anything. */
const HEAP_GROWTH_BYTES_MAX = SCALE.name === 'sample' ? Infinity : 4 * 1024 * 1024;
const TIMEOUT_MS = 7_200_000;

describe(`a server that is sent mutated frames (${SCALE.note})`, () => {
  const unhandled: unknown[] = [];
  const remember = (reason: unknown): void => {
    unhandled.push(reason);
  };
  beforeAll(() => {
    process.on('unhandledRejection', remember);
  });
  afterAll(() => {
    process.off('unhandledRejection', remember);
  });

  it(
    'answers each or ends that connection alone, serves a good client meanwhile, and stores what can be read again',
    async () => {
      const failures: string[] = [];
      const tallies: MutantTally[] = [];
      for (const seed of SCALE.seeds(SEEDS)) {
        await runMutants(seed, MUTANTS_PER_SEED).then(
          (tally) => tallies.push(tally),
          (error: unknown) => failures.push(`PULSES_TEST_SEED=${seed}: ${String(error)}`),
        );
      }
      expect(failures).toEqual([]);
      expect(unhandled).toEqual([]);
      // Else the checksum might have rejected all of them.
      for (const { mutants, served, refused, timedOut, heapGrowthBytes, answers } of tallies) {
        expect(mutants).toBeGreaterThanOrEqual(MUTANTS_PER_SEED);
        expect(heapGrowthBytes).toBeLessThan(HEAP_GROWTH_BYTES_MAX);
        expect(Math.min(served, refused, timedOut)).toBeGreaterThan(10);
        const kinds = [
          'produced',
          'fetch-started',
          'records',
          'head',
          'committed',
          'positions',
          'topics',
          'topic',
          'group-joined',
          'done',
          'pong',
        ];
        for (const kind of [
          ...kinds,
          'PROTOCOL_VIOLATION',
          'MESSAGE_TOO_LARGE',
          'TOPIC_INVALID',
          'FENCED',
          'SEQUENCE_GAP',
        ])
          expect([kind, (answers.get(kind) ?? 0) > 0]).toEqual([kind, true]);
      }
    },
    TIMEOUT_MS,
  );
});
