// Mutated frames against real connections, 100,000 in every test run and 5,000,000 with TORTURE=1 (`nx run broker-server:torture`).
// TORTURE_SEED=n runs the one seed that a failure has named.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { runMutants, type MutantTally } from '../testing/mutant-run';

const MUTANTS_PER_SEED = 20_000;
const SEEDS = process.env['TORTURE'] === '1' ? 250 : 5;
const ONE_SEED = process.env['TORTURE_SEED'];
/** For some 6,000 connections over the time that it is measured. */
const HEAP_GROWTH_BYTES_MAX = 4 * 1024 * 1024;
const TIMEOUT_MS = 7_200_000;

const seeds = ONE_SEED === undefined ? Array.from({ length: SEEDS }, (_, index) => index + 1) : [Number(ONE_SEED)];

describe('a server that is sent mutated frames', () => {
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
      for (const seed of seeds) {
        await runMutants(seed, MUTANTS_PER_SEED).then(
          (tally) => tallies.push(tally),
          (error: unknown) => failures.push(`TORTURE_SEED=${seed}: ${String(error)}`),
        );
      }
      expect(failures).toEqual([]);
      expect(unhandled).toEqual([]);
      // Else they might all have been turned away by the checksum.
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
