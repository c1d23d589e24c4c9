// A source of several partitions: what each becomes is a function of its log alone, whatever happens to the others and
// whichever member works on it. A failure prints its seed.

import { describe, expect, it } from '@jest/globals';
import type { AggregationEngine } from '@pulses/aggregation-api';
import type { Connector } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import type { Random } from '@pulses/shared-ports';
import { createEngineStore, createReferenceEngine } from '@pulses/testing-aggregation-conformance';
import { SCALE } from '@pulses/testing-scale';
import { createSimRandom } from '@pulses/testing-sim';
import { COMMIT_BYTES_MIN } from './options';
import { expectedOutputs, outputLines } from './testing/expected-outputs';
import { watchPositions } from './testing/position-watch';
import { line, startRig, type Rig } from './testing/rig';
import { SimLog, type CommitFailure } from './testing/sim-log';
import { SimSource } from './testing/sim-source';

const TOPIC = 'source.pulses';
const T0 = 1_700_000_000_000;
const WINDOW_MS = 1_000;
const SEEDS = SCALE.sizeOf({ sample: 8, fault: 100, torture: 3_000 });
const LIMITS = { commitBytes: 2 * COMMIT_BYTES_MIN, deltaRowsMax: 3, sumsMax: 3, keysPerStep: 2 };

interface Setup {
  readonly logs: SimLog[];
  readonly source: SimSource;
  /** For the rig: one member of the group. */
  member(): { log: Parameters<typeof startRig>[0]['log']; connector: Connector };
}

type Fail = (partition: number, index: number) => CommitFailure | undefined;

function setUp(random: Random, count: number, fail: Fail = () => undefined): Setup {
  const logs = Array.from(
    { length: count },
    (_, partition) =>
      new SimLog({
        sourceTopic: TOPIC,
        random: createSimRandom(Math.floor(random.fraction() * 2 ** 31)),
        gaps: createSimRandom(Math.floor(random.fraction() * 2 ** 31)),
        partition,
        isQuiet: random.fraction() < 0.5,
        failCommit: (index) => fail(partition, index),
      }),
  );
  for (const log of logs) watchPositions(log, WINDOW_MS);
  const source = new SimSource(logs);
  return {
    logs,
    source,
    member() {
      const connector = source.createConnector();
      return { connector, log: { connector, sourceTopic: TOPIC, positions: new Map(), end: 0 } };
    },
  };
}

/** The partitions of a member, and what each does. */
function statesOf({ partitions }: Rig): string[] {
  return partitions.own.map(({ partition, state }) => `${partition} ${state}`);
}

function isDone({ positions, end }: SimLog): boolean {
  const windowed = positions.get('windowed');
  return (
    end === 0 || (positions.get('grouped')?.offset === end && windowed?.offset === end && windowed.metadata === '')
  );
}

function expectOutputs(logs: readonly SimLog[]): void {
  for (const log of logs) {
    expect(log.faults).toEqual([]);
    expect(outputLines(log.topics)).toEqual(
      expectedOutputs(log.messages, {
        sourceTopic: TOPIC,
        windowMs: WINDOW_MS,
        partition: log.partition,
        clockMs: Infinity,
      }),
    );
  }
}

function publish(random: Random, log: SimLog): void {
  const waitMs = random.fraction() < 0.1 ? 2 * WINDOW_MS : Math.floor(random.fraction() * 200);
  const count = 1 + Math.floor(random.fraction() * 5);
  const messages = Array.from({ length: count }, () =>
    random.fraction() < 0.1
      ? 'nonsense'
      : line(`t${Math.floor(random.fraction() * 3)}`, `s${Math.floor(random.fraction() * 5)}`, count),
  );
  log.append(Math.max(T0, log.clockMs) + waitMs, ...messages);
}

/** Members come, go and lose partitions, and commits fail, while messages are published. */
async function runAtRandom(seed: number): Promise<void> {
  const random = createSimRandom(seed);
  const below = (count: number): number => Math.floor(random.fraction() * count);
  const partitions = 1 + below(5);
  const { logs, source, member } = setUp(random, partitions, () =>
    random.fraction() < 0.03
      ? { at: random.fraction() < 0.5 ? 'before' : 'after', error: new PulsesError('CONNECTION_LOST') }
      : undefined,
  );
  const store = random.fraction() < 0.5 ? createEngineStore() : undefined;
  const rigs: { rig: Rig; connector: Connector }[] = [];
  const join = (): void => {
    const { log, connector } = member();
    const createEngine = (): AggregationEngine => createReferenceEngine(store);
    rigs.push({ connector, rig: startRig({ log, createEngine, limits: LIMITS, windowMs: WINDOW_MS, seed }) });
  };
  const leave = async (): Promise<void> => {
    const [gone] = rigs.splice(below(rigs.length), 1);
    await gone?.rig.stop();
    await gone?.connector.close();
  };
  join();
  for (let step = 0; step < 40; step += 1) {
    for (const log of logs) if (random.fraction() < 0.6) publish(random, log);
    const action = random.fraction();
    if (action < 0.1 && rigs.length < 3) join();
    else if (action < 0.2 && rigs.length > 1) await leave();
    else if (action < 0.3) source.move(below(partitions));
    else if (action < 0.4) logs[below(partitions)]?.breakSession(new PulsesError('CONNECTION_LOST'));
    else if (action < 0.8) for (const { rig } of rigs) await rig.idle();
  }
  for (const log of logs) log.setClock(log.clockMs + WINDOW_MS);
  const [first, ...others] = rigs;
  // Each rig has a clock of its own, for its waits.
  await first?.rig.until(() => {
    for (const { rig } of others) void rig.idle();
    return logs.every(isDone);
  });
  while (rigs.length > 0) await leave();
  expectOutputs(logs);
}

describe('a pipeline over several partitions', () => {
  it(`makes of each what its log says, whatever happens to members and sessions, ${SCALE.note}`, async () => {
    for (const seed of SCALE.seeds(SEEDS)) {
      try {
        await runAtRandom(seed);
      } catch (error) {
        throw new Error(`with seed ${seed}`, { cause: error });
      }
    }
  }, 3_600_000);

  it('tells keys, lag and state of all partitions as one, and answers live queries for each', async () => {
    const { logs, member } = setUp(createSimRandom(1), 3);
    const { log } = member();
    const rig = startRig({ log, createEngine: () => createReferenceEngine(), windowMs: WINDOW_MS });
    for (const [number, each] of logs.entries())
      each.append(T0, ...Array.from({ length: number + 1 }, (_, index) => line('a', `s${index}`, 1)));
    await rig.until(() => rig.counts.openKeys === 6);
    expect(rig.states.at(-1)?.kind).toBe('active');
    expect(statesOf(rig)).toEqual(['0 active', '1 active', '2 active']);
    await rig.until(() => rig.counts.readUpTo >= logs.reduce((sum, { end }) => sum + end, 0));
    for (const { lag } of rig.partitions.own) expect(await lag?.()).toBe(0);
    const answers = await rig.live.ask(undefined);
    expect(answers.map(({ partition, window }) => [partition, window?.sums.length])).toEqual([
      [0, 1],
      [1, 2],
      [2, 3],
    ]);
    await rig.stop();
    expect(rig.clock.timerCount).toBe(0);
  });

  it('sets a partition aside that fails for good, tries it again, and goes on with the others', async () => {
    let isPoisoned = true;
    const poison: CommitFailure = { at: 'before', error: new PulsesError('STORAGE_FAILED') };
    const { logs, member } = setUp(createSimRandom(2), 2, (partition) =>
      partition === 0 && isPoisoned ? poison : undefined,
    );
    const rig = startRig({ log: member().log, createEngine: () => createReferenceEngine(), windowMs: WINDOW_MS });
    for (const log of logs) {
      log.append(T0, line('a', 's', 1));
      log.setClock(T0 + WINDOW_MS);
    }
    await rig.until(() => logs.slice(1).every(isDone));
    expect(statesOf(rig)).toEqual(['0 set_aside', '1 active']);
    expect(rig.partitions.own[0]).toMatchObject({ reason: poison.error.message });
    expect(logs[0]?.topics.size).toBe(0);
    await rig.idle();
    await rig.idle();
    expect(rig.errors).toMatchObject([{ code: 'STORAGE_FAILED', partitions: [0] }]);
    isPoisoned = false;
    await rig.until(() => logs.every(isDone));
    expect(statesOf(rig)).toEqual(['0 active', '1 active']);
    await rig.stop();
    expectOutputs(logs);
  });

  it('does not end when a partition fails for good while the others try to come back, or while there is no other', async () => {
    const poison: CommitFailure = { at: 'before', error: new PulsesError('WINDOW_FULL') };
    const lost: CommitFailure = { at: 'before', error: new PulsesError('CONNECTION_LOST') };
    let fails = true;
    const { logs, member } = setUp(createSimRandom(3), 3, (partition) => {
      if (!fails) return undefined;
      return partition === 0 ? poison : lost;
    });
    const rig = startRig({ log: member().log, createEngine: () => createReferenceEngine(), windowMs: WINDOW_MS });
    for (const log of logs) log.append(T0, line('a', 's', 1));
    await rig.until(() => statesOf(rig).join() === '0 set_aside,1 connecting,2 connecting');
    expect(rig.states.at(-1)).toMatchObject({ kind: 'connecting' });
    fails = false;
    for (const log of logs) log.setClock(T0 + WINDOW_MS);
    await rig.until(() => logs.every(isDone));
    await rig.stop();

    const alone = setUp(createSimRandom(4), 1, () => poison);
    const only = startRig({ log: alone.member().log, windowMs: WINDOW_MS });
    alone.logs[0]?.append(T0, line('a', 's', 1));
    await only.until(() => statesOf(only)[0] === '0 set_aside');
    await only.stop();
  });

  it('opens the other partitions while one can not be opened, whatever the reason', async () => {
    for (const code of ['CONNECTION_LOST', 'OFFSET_OUT_OF_RANGE'] as const) {
      const { logs, source, member } = setUp(createSimRandom(5), 3);
      let isBroken = true;
      source.failOpen = (partition) => (partition === 1 && isBroken ? new PulsesError(code) : undefined);
      const rig = startRig({ log: member().log, createEngine: () => createReferenceEngine(), windowMs: WINDOW_MS });
      source.clock = rig.clock;
      for (const log of logs) {
        log.append(T0, line('a', 's', 1));
        log.setClock(T0 + WINDOW_MS);
      }
      await rig.until(() => [logs[0], logs[2]].every((log) => log !== undefined && isDone(log)));
      const state = code === 'CONNECTION_LOST' ? 'connecting' : 'set_aside';
      expect(statesOf(rig)).toEqual(['0 active', `1 ${state}`, '2 active']);
      isBroken = false;
      await rig.until(() => logs.every(isDone));
      await rig.stop();
      expectOutputs(logs);
      expect(rig.clock.timerCount).toBe(0);
    }
  });

  it('ends at its start with what a partition can not be opened for, while none has worked', async () => {
    const { logs, source, member } = setUp(createSimRandom(6), 1);
    const error = new PulsesError('CONFIG_INVALID', 'the position is lost');
    source.failOpen = () => error;
    const rig = startRig({ log: member().log, windowMs: WINDOW_MS });
    source.clock = rig.clock;
    await expect(rig.until(() => false)).rejects.toBe(error);
    expect(logs[0]?.sessionsOpened).toBe(0);
  });

  it('tells the end of all sessions by one reason as one line with their partitions', async () => {
    const { logs, member } = setUp(createSimRandom(7), 4);
    const rig = startRig({ log: member().log, createEngine: () => createReferenceEngine(), windowMs: WINDOW_MS });
    await rig.until(() => statesOf(rig).every((state) => state.endsWith(' active')));
    for (const log of logs) log.breakSession(new PulsesError('CONNECTION_LOST'));
    await rig.until(() => rig.warnings.length > 0);
    expect(rig.warnings).toMatchObject([{ code: 'CONNECTION_LOST', partitions: [0, 1, 2, 3] }]);
    await rig.until(() => statesOf(rig).every((state) => state.endsWith(' active')));
    await rig.stop();
    expect(rig.clock.timerCount).toBe(0);
  });

  it('tells how many partitions belong to other members', async () => {
    const { logs, member } = setUp(createSimRandom(8), 3);
    const first = startRig({ log: member().log, createEngine: () => createReferenceEngine(), windowMs: WINDOW_MS });
    await first.until(() => statesOf(first).length === 3);
    const second = startRig({ log: member().log, createEngine: () => createReferenceEngine(), windowMs: WINDOW_MS });
    await second.until(() => statesOf(second).join() === '2 active' || statesOf(second).join() === '0 active');
    await first.until(() => first.partitions.own.length === 2);
    expect([first.partitions.elsewhere, second.partitions.elsewhere]).toEqual([1, 2]);
    await second.stop();
    await first.until(() => statesOf(first).filter((state) => state.endsWith(' active')).length === 3);
    expect(first.partitions.elsewhere).toBe(0);
    await first.stop();
    expectOutputs(logs);
  });

  it('ends tidily in a partition that goes to another member, and says that it stands by when it has none', async () => {
    const { logs, member } = setUp(createSimRandom(4), 1);
    const first = startRig({ log: member().log, createEngine: () => createReferenceEngine(), windowMs: WINDOW_MS });
    logs[0]?.append(T0, line('a', 's', 1));
    await first.until(() => first.counts.grouped === 1);
    const other = member();
    const second = startRig({ log: other.log, createEngine: () => createReferenceEngine(), windowMs: WINDOW_MS });
    await second.idle();
    expect(second.states.at(-1)?.kind).toBe('standby');
    expect(second.partitions).toEqual({ own: [], elsewhere: 1 });
    await first.stop();
    await second.until(() => second.states.at(-1)?.kind === 'active');
    expect(first.warnings).toEqual([]);
    logs[0]?.setClock(T0 + WINDOW_MS);
    await second.until(() => logs.every(isDone));
    await second.stop();
    expectOutputs(logs);
  });
});
