// The outputs are a function of the source log alone: random logs, limits, timings and failures. A failure prints its seed.

import { describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import { createEngineStore, createReferenceEngine } from '@pulses/testing-aggregation-conformance';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import { createSimRandom } from '@pulses/testing-sim';
import fc from 'fast-check';
import { COMMIT_BYTES_MIN } from './options';
import { expectedOutputs, outputLines } from './testing/expected-outputs';
import { createFailingEngine } from './testing/failing-engine';
import { watchPositions } from './testing/position-watch';
import { line, startRig } from './testing/rig';
import { SimLog, type CommitFailure } from './testing/sim-log';

const TOPIC = 'source.pulses';
const T0 = 1_700_000_000_000;
const WINDOW_MS = 1_000;

const amount = fc
  .tuple(
    fc.bigInt({ min: -(10n ** 20n) + 1n, max: 10n ** 20n - 1n }),
    fc.oneof(fc.constant(''), fc.stringMatching(/^\.\d{1,30}$/)),
  )
  .map(([whole, fraction]) => `${whole}${fraction}`);
const message = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        fc.constantFrom('a', 'b', 'a.b', '__proto__'),
        fc.constantFrom('s', 't', 'u'),
        amount,
        fc.constantFrom('GB', 'h'),
      )
      .map(([tenant, sku, value, unit]) => line(tenant, sku, value, unit)),
  },
  { weight: 1, arbitrary: fc.constantFrom('', 'nonsense', '[]', '{}', '"text"', '{"tenant_id":1}') },
);
const batches = fc.array(
  fc.record({
    waitMs: fc.oneof({ weight: 4, arbitrary: fc.nat(300) }, fc.constantFrom(0, WINDOW_MS, 3 * WINDOW_MS)),
    messages: fc.array(message, { minLength: 1, maxLength: 8 }),
  }),
  { minLength: 1, maxLength: 25 },
);

/** Of the log itself: the same in every run over it. */
const gaps = fc.record({
  seed: fc.option(fc.nat(), { nil: undefined }),
  partition: fc.constantFrom(undefined, 0, 7),
});

const run = fc.record({
  seed: fc.nat(),
  /** Whether the log tells its clock only when it is asked for a proof. */
  isQuiet: fc.boolean(),
  eventRecordsMax: fc.integer({ min: 1, max: 12 }),
  /** Published while the pipeline runs, with pauses after some batches. */
  pauses: fc.array(fc.boolean(), { maxLength: 25 }),
  survives: fc.boolean(),
  limits: fc.record({
    commitBytes: fc.integer({ min: COMMIT_BYTES_MIN, max: 3 * COMMIT_BYTES_MIN }),
    commitIntervalMs: fc.constantFrom(0, 5, 1000, 1_000_000),
    commitsUnderWayMax: fc.integer({ min: 1, max: 4 }),
    deltaRowsMax: fc.integer({ min: 1, max: 10 }),
    sumsMax: fc.integer({ min: 1, max: 10 }),
    keysPerStep: fc.integer({ min: 1, max: 5 }),
  }),
  commitFailures: fc.array(
    fc.record({
      index: fc.nat(30),
      at: fc.constantFrom<CommitFailure['at']>('before', 'after'),
      /** The process ends; else another session follows. */
      isCrash: fc.boolean(),
    }),
    { maxLength: 4 },
  ),
  engineFailures: fc.array(
    fc.record({ index: fc.nat(60), at: fc.constantFrom<CommitFailure['at']>('before', 'after') }),
    {
      maxLength: 3,
    },
  ),
});

type Run = typeof run extends fc.Arbitrary<infer Value> ? Value : never;
type Gaps = typeof gaps extends fc.Arbitrary<infer Value> ? Value : never;
type Batches = typeof batches extends fc.Arbitrary<infer Value> ? Value : never;

async function topicsOf(
  given: Batches,
  gaps: Gaps,
  { seed, isQuiet, eventRecordsMax, pauses, survives, limits, commitFailures, engineFailures }: Run,
) {
  const log = new SimLog({
    sourceTopic: TOPIC,
    random: createSimRandom(seed),
    eventRecordsMax,
    isQuiet,
    ...(gaps.partition === undefined ? {} : { partition: gaps.partition }),
    ...(gaps.seed === undefined ? {} : { gaps: createSimRandom(gaps.seed) }),
    failCommit(index) {
      const failure = commitFailures.find((candidate) => candidate.index === index);
      return (
        failure && { at: failure.at, error: new PulsesError(failure.isCrash ? 'STORAGE_FAILED' : 'CONNECTION_LOST') }
      );
    },
  });
  watchPositions(log, WINDOW_MS);
  const store = survives ? createEngineStore() : undefined;
  let timeMs = T0;
  let next = 0;
  for (let process = 0; ; process += 1) {
    const engine = createFailingEngine(createReferenceEngine(store), process === 0 ? engineFailures : []);
    const rig = startRig({ log, limits, engine, windowMs: WINDOW_MS, seed: seed + process });
    try {
      for (; next < given.length; next += 1) {
        const { waitMs, messages } = given[next] as Batches[number];
        timeMs += waitMs;
        log.append(timeMs, ...messages);
        if (pauses[next] === true) await rig.until(() => rig.counts.readUpTo >= log.end);
      }
      log.setClock(timeMs + WINDOW_MS);
      await rig.untilDone();
      await rig.stop();
      expect(log.faults).toEqual([]);
      return log;
    } catch (error) {
      if (!isPulsesError(error, 'STORAGE_FAILED')) throw error;
      if (pauses[next] === true) next += 1;
    }
  }
}

describe('the outputs', () => {
  it('are the same bytes, whatever the batches, timings, failures and engine, and what plain arithmetic says', async () => {
    await fc.assert(
      fc.asyncProperty(batches, gaps, fc.array(run, { minLength: 2, maxLength: 2 }), async (given, skipped, runs) => {
        const [first, ...others] = await Promise.all(runs.map((each) => topicsOf(given, skipped, each)));
        if (first === undefined) throw new Error('there are two runs');
        for (const other of others) expect(other.topics).toEqual(first.topics);
        expect(outputLines(first.topics)).toEqual(
          expectedOutputs(first.messages, {
            sourceTopic: TOPIC,
            windowMs: WINDOW_MS,
            partition: skipped.partition,
            clockMs: Infinity,
          }),
        );
      }),
      { numRuns: SCALE.sizeOf({ sample: 30, fault: 150 }) },
    );
  }, 180_000);
});
