// Which failure makes another session, which one ends the pipeline, and how it stops.

import { describe, expect, it } from '@jest/globals';
import type { AggregationEngine } from '@pulses/aggregation-api';
import { createReferenceEngine } from '@pulses/testing-aggregation-conformance';
import { PulsesError, type ErrorCode } from '@pulses/shared-errors';
import { createSimRandom } from '@pulses/testing-sim';
import { COMMIT_BYTES_MIN } from './options';
import { expectedOutputs, outputLines } from './testing/expected-outputs';
import { line, startRig, WINDOW_MS } from './testing/rig';
import { SimLog, type CommitFailure } from './testing/sim-log';

const TOPIC = 'source.pulses';
const T0 = 1_700_000_000_000;

function newLog(failCommit: (index: number) => CommitFailure | undefined = () => undefined): SimLog {
  const log = new SimLog({ sourceTopic: TOPIC, random: createSimRandom(9), failCommit });
  for (let index = 0; index < 30; index += 1)
    log.append(T0 + index, line('a', `s${index % 3}`, index), `nonsense ${index}`);
  log.setClock(T0 + WINDOW_MS);
  return log;
}

function expectOutputs(log: SimLog): void {
  expect(outputLines(log.topics)).toEqual(
    expectedOutputs(log.messages, { sourceTopic: TOPIC, windowMs: WINDOW_MS, clockMs: T0 + WINDOW_MS }),
  );
}

const MENDED: ErrorCode[] = [
  'CONNECTION_LOST',
  'TIMED_OUT',
  'STORAGE_FULL',
  'OVERLOADED',
  'SHUTTING_DOWN',
  'FENCED',
  'POSITION_CONFLICT',
  'TOPIC_UNKNOWN',
];
const LASTING: ErrorCode[] = [
  'MESSAGE_TOO_LARGE',
  'PROTOCOL_VIOLATION',
  'STORAGE_FAILED',
  'UNAUTHENTICATED',
  'OFFSET_OUT_OF_RANGE',
];

describe('a session that fails', () => {
  it.each(MENDED)('is followed by another one when a commit fails with %s', async (code) => {
    const log = newLog((index) => (index === 0 ? { at: 'before', error: new PulsesError(code) } : undefined));
    const rig = startRig({ log });
    await rig.untilDone();
    await rig.stop();
    expect(log.sessionsOpened).toBe(2);
    expect(rig.states.map(({ kind }) => kind)).toEqual(['active', 'connecting', 'active']);
    expectOutputs(log);
  });

  it.each(MENDED)('is followed by another one when its stream ends with %s', async (code) => {
    const log = newLog();
    const rig = startRig({ log });
    await rig.idle();
    log.breakSession(new PulsesError(code));
    await rig.until(() => log.sessionsOpened === 2);
    await rig.untilDone();
    await rig.stop();
    expectOutputs(log);
  });

  it.each(LASTING)(
    'ends the pipeline when a commit is refused with %s, though the stream only says that it ended',
    async (code) => {
      const error = new PulsesError(code);
      const log = newLog((index) => (index === 0 ? { at: 'before', error } : undefined));
      const rig = startRig({ log });
      await expect(rig.untilDone()).rejects.toBe(error);
      expect(log.sessionsOpened).toBe(1);
      expect(log.sessionsOpen).toBe(0);
    },
  );

  it('ends the pipeline with what is not an operating failure', async () => {
    const bug = new TypeError('a bug');
    const log = newLog();
    const rig = startRig({ log, engine: { ...createReferenceEngine(), seal: () => Promise.reject(bug) } });
    await expect(rig.untilDone()).rejects.toBe(bug);
    expect(log.sessionsOpen).toBe(0);
  });

  it('counts lines and dead letters once, when their commit is known to be stored', async () => {
    const log = newLog((index) =>
      index < 3 ? { at: 'before', error: new PulsesError('CONNECTION_LOST') } : undefined,
    );
    const rig = startRig({ log });
    await rig.untilDone();
    await rig.stop();
    expect(rig.counts).toMatchObject({ grouped: 30, aggregated: 3, readUpTo: 60 });
    expect(rig.deadLetters).toHaveLength(30);
  });

  it('waits longer from failure to failure, up to five seconds, and starts anew after a session that stored something, or lived long', async () => {
    let fails = true;
    const log = newLog(() => (fails ? { at: 'before', error: new PulsesError('CONNECTION_LOST') } : undefined));
    const rig = startRig({ log });
    await rig.until(() => rig.warnings.length === 12);
    const delays = rig.warnings.map(({ delayMs }) => delayMs);
    delays.forEach((delayMs, index) => {
      expect(delayMs).toBeLessThanOrEqual(Math.min(5_000, 100 * 2 ** index));
    });
    expect(Math.max(...delays)).toBeGreaterThan(1_000);
    fails = false;
    await rig.untilDone();
    log.breakSession(new PulsesError('CONNECTION_LOST'));
    await rig.until(() => rig.warnings.length === 13);
    expect(rig.warnings.at(-1)?.delayMs).toBeLessThanOrEqual(100);
    await rig.clock.advance(10_001);
    log.breakSession(new PulsesError('CONNECTION_LOST'));
    await rig.until(() => rig.warnings.length === 14);
    expect(rig.warnings.at(-1)?.delayMs).toBeLessThanOrEqual(100);
    await rig.stop();
    expectOutputs(log);
  });

  it('hears of a failed commit although the source is idle', async () => {
    const log = new SimLog({
      sourceTopic: TOPIC,
      random: createSimRandom(9),
      failCommit: (index) => (index === 0 ? { at: 'after', error: new PulsesError('FENCED') } : undefined),
    });
    const rig = startRig({ log });
    log.append(T0, line('a', 's', 1));
    await rig.until(() => log.sessionsOpened === 2);
    log.setClock(T0 + WINDOW_MS);
    await rig.untilDone();
    await rig.stop();
    expectOutputs(log);
  });
});

describe('an engine that fails after it has answered', () => {
  it('is asked nothing more after it has failed while the source was idle', async () => {
    const engine = createReferenceEngine();
    const log = newLog();
    const drop = Promise.withResolvers<void>();
    let isDropping = false;
    const calls: string[] = [];
    const rig = startRig({
      log,
      limits: { deltaRowsMax: 1 },
      engine: {
        ...engine,
        open: (source, fromOffset) => (calls.push('open'), engine.open(source, fromOffset)),
        add: (delta) => (calls.push('add'), engine.add(delta)),
        drop: (windowStartMs) => {
          if (isDropping) return engine.drop(windowStartMs);
          isDropping = true;
          return drop.promise;
        },
      },
    });
    await rig.until(() => isDropping);
    log.append(T0 + WINDOW_MS, line('a', 's0', 1));
    await rig.idle();
    calls.length = 0;
    drop.reject(new PulsesError('CONNECTION_LOST'));
    await rig.until(() => calls.includes('open'));
    expect(calls[0]).toBe('open');
    await rig.stop();
  });

  it('is heard of although nothing is added, and opened again', async () => {
    const log = new SimLog({ sourceTopic: TOPIC, random: createSimRandom(10) });
    const inner = createReferenceEngine();
    let failure: PulsesError | undefined;
    const engine: AggregationEngine = {
      ...inner,
      open(source, fromOffset) {
        failure = undefined;
        return inner.open(source, fromOffset);
      },
      check() {
        if (failure !== undefined) throw failure;
      },
    };
    const rig = startRig({ log, engine });
    log.append(T0, line('a', 's', 1));
    await rig.until(() => log.topics.size > 0);
    failure = new PulsesError('CONNECTION_LOST', 'the store has gone');
    log.setClock(T0 + 1);
    await rig.until(() => log.sessionsOpened === 2);
    expect(rig.warnings).toMatchObject([{ code: 'CONNECTION_LOST' }]);
    log.setClock(T0 + WINDOW_MS);
    await rig.untilDone();
    await rig.stop();
    expectOutputs(log);
  });
});

describe('a window with more keys than allowed', () => {
  it('ends the pipeline with WINDOW_FULL, which another session would only meet again', async () => {
    const log = newLog();
    const rig = startRig({ log, limits: { openKeysMax: 2 } });
    await expect(rig.untilDone()).rejects.toMatchObject({ code: 'WINDOW_FULL', retriable: false });
    expect(log.sessionsOpened).toBe(1);
    expect(log.sessionsOpen).toBe(0);
  });

  it('may have as many as allowed, one window after the other', async () => {
    const log = newLog();
    log.append(T0 + WINDOW_MS, line('b', 'x', 1), line('b', 'y', 1), line('b', 'z', 1));
    log.setClock(T0 + 2 * WINDOW_MS);
    const rig = startRig({ log, limits: { openKeysMax: 3 } });
    await rig.untilDone();
    await rig.stop();
    expect(rig.counts.aggregated).toBe(6);
  });
});

describe('an engine that answers wrongly', () => {
  it('ends the pipeline before a sum is stored when it has lost keys', async () => {
    const log = newLog();
    const engine = createReferenceEngine();
    const rig = startRig({ log, engine: { ...engine, seal: async (startMs) => (await engine.seal(startMs)) - 1 } });
    await expect(rig.untilDone()).rejects.toMatchObject({ code: 'PROTOCOL_VIOLATION' });
    expect(log.positions.has('windowed')).toBe(false);
    expect(log.topics.has('tenants.a.aggregated.pulses.amount')).toBe(false);
  });
});

describe('a log whose time runs back', () => {
  it('ends the pipeline rather than putting a pulse into a wrong window', async () => {
    const log = newLog();
    log.onStored = () => undefined;
    const rig = startRig({ log });
    await rig.untilDone();
    log.setClock(T0 + 3 * WINDOW_MS);
    log.append(T0 + 3 * WINDOW_MS, line('a', 's', 1));
    await rig.idle();
    log.appendAt(T0 + 2 * WINDOW_MS, line('a', 's', 1));
    await expect(rig.untilDone()).rejects.toMatchObject({ code: 'PROTOCOL_VIOLATION' });
  });
});

describe('commits under way', () => {
  it('are at most as many as allowed, whatever waits, and hold back the sums of their window', async () => {
    const log = newLog();
    log.holdCommits();
    const rig = startRig({ log, limits: { commitBytes: COMMIT_BYTES_MIN, commitsUnderWayMax: 3 } });
    await rig.idle();
    expect(log.commitsUnderWayMost).toBe(3);
    expect(log.topics.size).toBe(0);
    log.releaseCommits();
    await rig.untilDone();
    await rig.stop();
    expect(log.commitsUnderWayMost).toBe(3);
    expect(log.faults).toEqual([]);
    expectOutputs(log);
  });

  it('leave room for the sums of the window before, however much comes behind it', async () => {
    const log = new SimLog({ sourceTopic: TOPIC, random: createSimRandom(3), eventRecordsMax: 500 });
    log.append(T0, line('a', 's', 1));
    const messages = 5_001;
    log.append(
      T0 + WINDOW_MS,
      ...Array.from({ length: messages - 1 }, (_, index) => line('b', `s${index % 3}`, index)),
    );
    log.setClock(T0 + WINDOW_MS + 1);
    let groupedWhenWindowed: number | undefined;
    log.onStored = () => {
      if (log.positions.get('windowed')?.offset === 1) groupedWhenWindowed ??= log.positions.get('grouped')?.offset;
    };
    const rig = startRig({ log, limits: { commitBytes: COMMIT_BYTES_MIN, commitsUnderWayMax: 2 } });
    await rig.until(() => log.positions.get('grouped')?.offset === messages);
    await rig.stop();
    expect(groupedWhenWindowed).toBeLessThan(messages / 2);
  });
});

describe('stopping', () => {
  it('resolves at an idle source, with the session closed', async () => {
    const log = newLog();
    const rig = startRig({ log });
    await rig.untilDone();
    await rig.stop();
    expect(log.sessionsOpen).toBe(0);
    expect(rig.clock.timerCount).toBe(0);
  });

  it('waits for the commits under way', async () => {
    const log = newLog();
    log.holdCommits();
    const rig = startRig({ log });
    await rig.idle();
    const stopped = rig.stop();
    await rig.idle();
    expect(log.sessionsOpen).toBe(1);
    log.releaseCommits();
    await stopped;
    expect(log.sessionsOpen).toBe(0);
    expect(log.positions.get('grouped')?.offset).toBeGreaterThan(0);
  });

  it('closes the session when a step still waits for room behind commits without an answer', async () => {
    const log = newLog();
    log.holdCommits();
    const rig = startRig({ log, limits: { commitBytes: COMMIT_BYTES_MIN, commitsUnderWayMax: 1 } });
    await rig.idle();
    const stopped = rig.stop();
    await rig.clock.advance(3_000);
    expect(log.sessionsOpen).toBe(0);
    log.releaseCommits();
    await stopped;
    expect(rig.clock.timerCount).toBe(0);
  });

  it('resolves in the wait between two sessions', async () => {
    const log = newLog(() => ({ at: 'before', error: new PulsesError('CONNECTION_LOST') }));
    const rig = startRig({ log });
    await rig.until(() => rig.warnings.length > 3 && rig.clock.timerCount > 0);
    const opened = log.sessionsOpened;
    await rig.stop();
    expect(rig.clock.timerCount).toBe(0);
    expect(log.sessionsOpened).toBe(opened);
  });

  it('resolves while it stands by', async () => {
    const log = newLog();
    log.occupy();
    const rig = startRig({ log });
    await rig.idle();
    expect(rig.states).toEqual([{ kind: 'standby', ask: expect.any(Function) }]);
    await rig.stop();
    expect(log.sessionsOpened).toBe(0);
  });
});

describe('a session whose engine does not answer', () => {
  it('is not active', async () => {
    const engine = { ...createReferenceEngine(), open: () => new Promise<never>(() => undefined) };
    const rig = startRig({ log: newLog(), engine });
    await rig.idle();
    expect(rig.states.map(({ kind }) => kind)).not.toContain('active');
  });
});

describe('a standby', () => {
  it('says so, and takes over where the other member stopped', async () => {
    const log = newLog();
    const release = log.occupy();
    const rig = startRig({ log });
    await rig.idle();
    expect(rig.states.map(({ kind }) => kind)).toEqual(['standby']);
    expect(log.commitCount).toBe(0);
    release();
    await rig.untilDone();
    await rig.stop();
    expect(rig.states.map(({ kind }) => kind)).toEqual(['standby', 'connecting', 'active']);
    expectOutputs(log);
  });

  it('is fenced when it takes over too early: nothing is stored twice', async () => {
    const log = newLog();
    log.holdCommits();
    const first = startRig({ log });
    await first.idle();
    log.expireLease();
    const second = startRig({ log, seed: 2 });
    await second.idle();
    log.releaseCommits();
    await second.untilDone();
    await second.stop();
    await first.until(() => first.warnings.length > 0);
    expect(first.warnings[0]?.code).toBe('FENCED');
    await first.stop();
    expectOutputs(log);
  });
});

describe('limits', () => {
  it.each([
    ['commitBytes', COMMIT_BYTES_MIN - 1],
    ['commitIntervalMs', -1],
    ['commitsUnderWayMax', 0],
    ['openKeysMax', 0],
    ['deltaRowsMax', 0],
    ['sumsMax', 0],
    ['liveSumsMax', 0],
    ['tenantsMax', 0],
    ['sumsMax', 1.5],
    ['deltaRowsMax', Number.NaN],
  ])('refuse %s of %d, with which nothing would ever move', async (name, value) => {
    const log = newLog();
    const rig = startRig({ log, limits: { [name]: value } });
    await expect(rig.finished).rejects.toThrow(TypeError);
    expect(log.sessionsOpened).toBe(0);
  });
});
