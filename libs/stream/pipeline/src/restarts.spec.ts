// What is left after failures: the topics of an undisturbed run, byte for byte.

import { describe, expect, it } from '@jest/globals';
import { createEngineStore, createReferenceEngine, type EngineStore } from '@pulses/testing-aggregation-conformance';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import { SCALE } from '@pulses/testing-scale';
import { createSimRandom } from '@pulses/testing-sim';
import { COMMIT_BYTES_MIN, type PipelineLimits } from './options';
import { expectedOutputs, outputLines } from './testing/expected-outputs';
import { createFailingEngine, type EngineCall } from './testing/failing-engine';
import { watchPositions } from './testing/position-watch';
import { line, startRig, WINDOW_MS } from './testing/rig';
import { SimLog, type CommitFailure } from './testing/sim-log';

const TOPIC = 'source.pulses';
const T0 = 1_700_000_000_000;
/** Many commits, also for the sums of one window. */
const SMALL: Partial<PipelineLimits> = { commitBytes: COMMIT_BYTES_MIN, deltaRowsMax: 3, sumsMax: 3 };

/** Three windows of up to nine keys, with dead letters, one window of these alone, and a gap. */
function fill(log: SimLog): void {
  for (const [window, count] of [
    [0, 14],
    [1, 4],
    [2, 9],
    [5, 12],
  ] as const)
    for (let index = 0; index < count; index += 1) {
      const timeMs = T0 + window * WINDOW_MS + index * 10;
      if (window === 1) log.append(timeMs, `nonsense ${index}`);
      else
        log.append(
          timeMs,
          line(`t${index % 3}`, `s${index % 7}`, `${index}.5`),
          line('t0', 's0', `-0.${index}`),
          `{"half":${index}`,
        );
    }
  log.setClock(T0 + 6 * WINDOW_MS);
}

function newLog(failCommit: (index: number) => CommitFailure | undefined = () => undefined): SimLog {
  const log = new SimLog({ sourceTopic: TOPIC, random: createSimRandom(3), failCommit });
  fill(log);
  watchPositions(log, WINDOW_MS);
  return log;
}

async function undisturbed(): Promise<{ readonly topics: ReadonlyMap<string, string>; readonly commits: number }> {
  const log = newLog();
  const rig = startRig({ log, limits: SMALL });
  await rig.untilDone();
  await rig.stop();
  const clockMs = T0 + 6 * WINDOW_MS;
  expect(outputLines(log.topics)).toEqual(
    expectedOutputs(log.messages, { sourceTopic: TOPIC, windowMs: WINDOW_MS, clockMs }),
  );
  return { topics: log.topics, commits: log.commitCount };
}

/** Runs processes one after the other, until one gets to the end. */
async function runProcesses(log: SimLog, store?: EngineStore): Promise<number> {
  for (let process = 1; ; process += 1) {
    const rig = startRig({ log, limits: SMALL, seed: process, engine: createReferenceEngine(store) });
    try {
      await rig.untilDone();
      await rig.stop();
      return process;
    } catch (error) {
      if (!isPulsesError(error, 'STORAGE_FAILED')) throw error;
    }
  }
}

/** All numbers below the count, or a sample of them. */
const someOf = (count: number) => SCALE.everyNth([...Array(count).keys()], SCALE.sizeOf({ sample: 3, fault: 1 }));

describe(`a pipeline that is restarted (${SCALE.note})`, () => {
  it.each(['before', 'after'] as const)(
    'continues in a new session at every commit that fails %s it is stored',
    async (at) => {
      const { topics, commits } = await undisturbed();
      expect(commits).toBeGreaterThan(20);
      for (const failing of someOf(commits)) {
        const log = newLog((index) =>
          index === failing ? { at, error: new PulsesError('CONNECTION_LOST') } : undefined,
        );
        const rig = startRig({ log, limits: SMALL });
        await rig.untilDone();
        await rig.stop();
        // The run ends with its last commit, whatever the answer.
        if (failing < commits - 1) expect([failing, log.sessionsOpened]).toEqual([failing, 2]);
        expect(log.topics).toEqual(topics);
        expect(log.faults).toEqual([]);
      }
    },
  );

  it.each([
    ['before it is stored, with a memory engine', 'before', false],
    ['after it was stored, with a memory engine', 'after', false],
    ['before it is stored, with an engine that survives', 'before', true],
    ['after it was stored, with an engine that survives', 'after', true],
  ] as const)('continues in a new process that crashes at every commit, %s', async (_title, at, survives) => {
    const { topics, commits } = await undisturbed();
    for (const failing of someOf(commits)) {
      const log = newLog((index) => (index === failing ? { at, error: new PulsesError('STORAGE_FAILED') } : undefined));
      expect(await runProcesses(log, survives ? createEngineStore() : undefined)).toBe(2);
      expect(log.topics).toEqual(topics);
      expect(log.faults).toEqual([]);
    }
  });

  it('gets through when every commit fails once, stored or not', async () => {
    const { topics } = await undisturbed();
    for (const survives of [false, true]) {
      const log = newLog((index) =>
        index % 2 === 0
          ? { at: index % 4 === 0 ? 'after' : 'before', error: new PulsesError('STORAGE_FAILED') }
          : undefined,
      );
      expect(await runProcesses(log, survives ? createEngineStore() : undefined)).toBeGreaterThan(10);
      expect(log.topics).toEqual(topics);
    }
  });

  it.each(['before', 'after'] as const)('stays exact when any call of the engine fails %s it is done', async (at) => {
    const { topics } = await undisturbed();
    for (const survives of [false, true]) {
      const calls: EngineCall[] = [];
      const engine = createFailingEngine(createReferenceEngine(survives ? createEngineStore() : undefined), [], calls);
      const first = startRig({ log: newLog(), limits: SMALL, engine });
      await first.untilDone();
      await first.stop();
      expect(new Set(calls)).toEqual(new Set<EngineCall>(['open', 'add', 'seal', 'sums', 'drop']));
      // Without the last drop, which nothing waits for.
      for (const index of someOf(calls.length - 1)) {
        const log = newLog();
        const failing = createFailingEngine(createReferenceEngine(survives ? createEngineStore() : undefined), [
          { index, at },
        ]);
        const rig = startRig({ log, limits: SMALL, engine: failing });
        await rig.untilDone();
        await rig.stop();
        expect(rig.warnings.map(({ code }) => code)).toEqual(['CONNECTION_LOST']);
        expect(log.topics).toEqual(topics);
      }
    }
  });

  it('reads the open window again for an engine that has lost it, and not for one that has kept it', async () => {
    for (const survives of [false, true]) {
      const store = survives ? createEngineStore() : undefined;
      const log = new SimLog({ sourceTopic: TOPIC, random: createSimRandom(3) });
      const first = startRig({ log, engine: createReferenceEngine(store) });
      log.append(T0 - 1, line('a', 's0', 1));
      for (let index = 0; index < 20; index += 1) log.append(T0 + index, line('a', `s${index % 4}`, 1));
      await first.idle();
      await first.stop();
      const second = startRig({ log, engine: createReferenceEngine(store) });
      log.append(T0 + 30, line('a', 's1', 5), line('b', 's9', 7));
      log.setClock(T0 + WINDOW_MS);
      await second.untilDone();
      await second.stop();
      expect(log.readsFrom).toEqual([0, survives ? 21 : 1]);
      expect(outputLines(log.topics)).toEqual(
        expectedOutputs(log.messages, { sourceTopic: TOPIC, windowMs: WINDOW_MS, clockMs: T0 + WINDOW_MS }),
      );
    }
  });

  it('forgets sums only after they are stored', async () => {
    const log = newLog();
    const engine = createReferenceEngine();
    const storedAtDrop: [number, number][] = [];
    const rig = startRig({
      log,
      limits: SMALL,
      engine: {
        ...engine,
        drop: (windowStartMs) => {
          storedAtDrop.push([(windowStartMs - T0) / WINDOW_MS, log.positions.get('windowed')?.offset ?? 0]);
          return engine.drop(windowStartMs);
        },
      },
    });
    await rig.untilDone();
    await rig.stop();
    expect(storedAtDrop).toEqual([
      [0, 42],
      [1, 46],
      [2, 73],
      [5, 109],
    ]);
  });

  it.each([
    ['after one slice', 1],
    ['after two slices', 2],
  ])('emits no line of a window twice and none never, when it crashes %s', async (_title, slices) => {
    let sumCommits = 0;
    const log = new SimLog({
      sourceTopic: TOPIC,
      random: createSimRandom(3),
      failCommit: (_index, { aggregated }) => {
        if (aggregated !== undefined) sumCommits += 1;
        return sumCommits === slices ? { at: 'after', error: new PulsesError('STORAGE_FAILED') } : undefined;
      },
    });
    for (let index = 0; index < 8; index += 1) log.append(T0, line(`t${index % 2}`, `s${index}`, index));
    log.setClock(T0 + WINDOW_MS);
    const first = startRig({ log, limits: { sumsMax: 3 } });
    await expect(first.untilDone()).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    expect(log.positions.get('windowed')).toEqual({
      offset: 0,
      metadata: JSON.stringify({
        window_start_ms: T0,
        window_ms: WINDOW_MS,
        emitted_keys: 3 * slices,
        order: 'tenant',
      }),
    });
    sumCommits = 10;
    const second = startRig({ log, limits: { sumsMax: 3 } });
    await second.untilDone();
    await second.stop();
    expect(second.counts.aggregated).toBe(8 - 3 * slices);
    expect(outputLines(log.topics)).toEqual(
      expectedOutputs(log.messages, { sourceTopic: TOPIC, windowMs: WINDOW_MS, clockMs: T0 + WINDOW_MS }),
    );
  });

  it('goes on with a window that an earlier version has emitted by first appearance in part', async () => {
    const log = new SimLog({ sourceTopic: TOPIC, random: createSimRandom(3) });
    for (let index = 0; index < 8; index += 1) log.append(T0, line(`t${index % 3}`, `s${index}`, index));
    const progress = { window_start_ms: T0, window_ms: WINDOW_MS, emitted_keys: 3 };
    log.setPosition('windowed', { offset: 0, metadata: JSON.stringify(progress) });
    log.setClock(T0 + WINDOW_MS);
    const seen: unknown[] = [];
    log.onStored = () => {
      const { metadata = '' } = log.positions.get('windowed') ?? {};
      if (metadata !== '') seen.push(JSON.parse(metadata));
    };
    const rig = startRig({ log, limits: { sumsMax: 3 } });
    await rig.untilDone();
    await rig.stop();
    expect(seen.at(-1)).toEqual({ ...progress, emitted_keys: 6 });
    const skus = Object.entries(outputLines(log.topics))
      .filter(([topic]) => topic.endsWith('.amount'))
      .flatMap(([, lines]) => lines.map((text) => (JSON.parse(text) as { product_sku: string }).product_sku));
    expect(skus.sort()).toEqual(['s3', 's4', 's5', 's6', 's7']);
  });

  it.each([
    ['at the head of the source', 0, [3, 6, 0]],
    ['in a backlog', 1, [0]],
  ])('emits sums in commits of a size for the place: %s', async (_title, later, expected) => {
    const log = new SimLog({ sourceTopic: TOPIC, random: createSimRandom(3) });
    for (let index = 0; index < 8; index += 1) log.append(T0, line(`t${index % 3}`, `s${index}`, index));
    for (let index = 0; index < later; index += 1) log.append(T0 + WINDOW_MS, line('t0', 's', index));
    log.setClock(T0 + WINDOW_MS + 1);
    const emitted: number[] = [];
    log.onStored = ({ aggregated, positions }) => {
      const { metadata = '' } = positions.get('windowed') ?? {};
      const { emitted_keys = 0 } = metadata === '' ? {} : (JSON.parse(metadata) as { emitted_keys: number });
      if (aggregated !== undefined) emitted.push(emitted_keys);
    };
    const rig = startRig({ log, limits: { sumsMax: 8, liveSumsMax: 3 } });
    await rig.until(() => log.positions.get('windowed')?.offset === 8);
    await rig.stop();
    expect(emitted).toEqual(expected);
  });

  it('emits a window of more keys than one commit takes by default', async () => {
    const log = new SimLog({ sourceTopic: TOPIC, random: createSimRandom(3), eventRecordsMax: 2000 });
    log.append(T0, ...Array.from({ length: 9000 }, (_, index) => line(`t${index % 5}`, `s${index}`, index)));
    log.setClock(T0 + WINDOW_MS);
    const emittedKeys: (string | undefined)[] = [];
    log.onStored = () => {
      const metadata = log.positions.get('windowed')?.metadata;
      if (metadata !== undefined) emittedKeys.push(metadata);
    };
    const rig = startRig({ log });
    await rig.untilDone();
    await rig.stop();
    expect(emittedKeys).toEqual([
      '',
      JSON.stringify({ window_start_ms: T0, window_ms: WINDOW_MS, emitted_keys: 8192, order: 'tenant' }),
      '',
    ]);
    expect(outputLines(log.topics)).toEqual(
      expectedOutputs(log.messages, { sourceTopic: TOPIC, windowMs: WINDOW_MS, clockMs: T0 + WINDOW_MS }),
    );
  });

  it.each([false, true])(
    'reads on while a window is emitted, also after a crash in between (engine survives: %s)',
    async (survives) => {
      const keys = 5_000;
      const messages = keys + 9;
      const log: SimLog = new SimLog({
        sourceTopic: TOPIC,
        random: createSimRandom(3),
        eventRecordsMax: keys,
        failCommit: (_index, { aggregated }) =>
          log.sessionsOpened === 1 && aggregated !== undefined
            ? { at: 'before', error: new PulsesError('STORAGE_FAILED') }
            : undefined,
      });
      log.append(T0, ...Array.from({ length: keys }, (_, index) => line(`t${index % 5}`, `s${index}`, index)));
      for (let index = 0; index < 9; index += 1) log.append(T0 + WINDOW_MS + index, line('t0', `s${index}`, 1));
      log.setClock(T0 + WINDOW_MS + 10);
      let windowedWhenGrouped: number | undefined;
      log.onStored = () => {
        if (log.positions.get('grouped')?.offset === messages)
          windowedWhenGrouped ??= log.positions.get('windowed')?.offset ?? 0;
      };
      const store = survives ? createEngineStore() : undefined;
      const first = startRig({ log, engine: createReferenceEngine(store) });
      await expect(first.until(() => log.sessionsOpened > 1)).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
      // The lines of the next window were stored before the sums of the first.
      expect(windowedWhenGrouped).toBe(0);
      log.setClock(T0 + 2 * WINDOW_MS);
      const second = startRig({ log, engine: createReferenceEngine(store) });
      await second.untilDone();
      await second.stop();
      expect(log.faults).toEqual([]);
      expect(outputLines(log.topics)).toEqual(
        expectedOutputs(log.messages, { sourceTopic: TOPIC, windowMs: WINDOW_MS, clockMs: T0 + 2 * WINDOW_MS }),
      );
    },
  );

  it.each([2_000, 10_000])(
    'keeps the length of a half-emitted window when it starts again with windows of %i ms',
    async (nextWindowMs) => {
      let crashes = true;
      const log = new SimLog({
        sourceTopic: TOPIC,
        random: createSimRandom(3),
        failCommit: (_index, { aggregated }) =>
          crashes && aggregated !== undefined ? { at: 'after', error: new PulsesError('STORAGE_FAILED') } : undefined,
      });
      for (let index = 0; index < 8; index += 1) log.append(T0 + 600 * index, line('a', `s${index}`, index));
      for (let index = 0; index < 8; index += 1)
        log.append(T0 + WINDOW_MS + 600 * index, line('a', `s${index}`, -index));
      log.setClock(T0 + 20_000);
      const first = startRig({ log, limits: { sumsMax: 3 } });
      await expect(first.untilDone()).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
      crashes = false;
      const second = startRig({ log, limits: { sumsMax: 3, deltaRowsMax: 1 }, windowMs: nextWindowMs });
      await second.untilDone();
      await second.stop();
      const half = expectedOutputs(log.messages.slice(0, 8), {
        sourceTopic: TOPIC,
        windowMs: WINDOW_MS,
        clockMs: T0 + WINDOW_MS,
      });
      const rest = expectedOutputs(log.messages.slice(8), {
        sourceTopic: TOPIC,
        windowMs: nextWindowMs,
        clockMs: T0 + 20_000,
      });
      const topic = 'tenants.a.aggregated.pulses.amount';
      expect(outputLines(log.topics)[topic]).toEqual([...(half[topic] ?? []), ...(rest[topic] ?? [])]);
    },
  );

  it('carries nothing into a source that was deleted and made again', async () => {
    const log = new SimLog({ sourceTopic: TOPIC, random: createSimRandom(3) });
    const rig = startRig({ log });
    log.append(T0, line('old', 's', 1), line('both', 's', 2));
    await rig.idle();
    log.deleteSource();
    log.append(T0 + 1, line('both', 's', 30));
    log.setClock(T0 + WINDOW_MS);
    await rig.untilDone();
    await rig.stop();
    expect(rig.warnings.map(({ code }) => code)).toEqual(['TOPIC_UNKNOWN']);
    expect(log.topics.has('tenants.old.aggregated.pulses.amount')).toBe(false);
    const sums = log.topics.get('tenants.both.aggregated.pulses.amount') ?? '';
    expect(sums).toContain('"total_amount":30,');
    const grouped = (log.topics.get('tenants.both.grouped.pulses') ?? '').split('\n').slice(0, -1);
    expect(grouped.map((text) => (JSON.parse(text) as { source_offset: number }).source_offset)).toEqual([1, 0]);
    const ids = [...log.topics.values()].flatMap((text) => text.match(/"object_id":"[^"]+"/g) ?? []);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toHaveLength(4);
  });

  it('gives the same message another id in another incarnation', async () => {
    const idsOf = async (log: SimLog) => {
      const rig = startRig({ log });
      log.append(T0 + 1, line('a', 's', 30));
      log.setClock(T0 + WINDOW_MS);
      await rig.untilDone();
      await rig.stop();
      return [...log.topics.values()].flatMap((text) => text.match(/"object_id":"[^"]+"/g) ?? []);
    };
    const again = new SimLog({ sourceTopic: TOPIC, random: createSimRandom(3) });
    again.deleteSource();
    const ids = [
      ...(await idsOf(new SimLog({ sourceTopic: TOPIC, random: createSimRandom(3) }))),
      ...(await idsOf(again)),
    ];
    expect(new Set(ids).size).toBe(4);
  });
});
