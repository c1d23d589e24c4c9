// Each failpoint kills its process under load. Afterwards no pulse is missing and none counts twice. Meanwhile
// retention removes the source behind the ingestor, and a second group tries to publish the same outputs.
//
// Once for each failpoint in every test run, twenty times in the nightly one. The seed decides the hit counts.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import { BROKER_FAILPOINTS, INGESTOR_FAILPOINTS, type Failpoint } from '@pulses/shared-failpoints';
import { bundlePath, stopAll, until, type AppName, type RunningApp } from '@pulses/testing-processes';
import { readFileSync } from 'node:fs';
import { publishLines, readLines } from './testing/line-client';
import { startLoad, type LineShape, type SteadyLoad } from './testing/steady-load';
import { startTestBuild, testBuildPath, type Part, type TestBuildSystem } from './testing/test-build';
import { startSecondGroup, type SecondGroup } from './testing/second-group';
import { checkTrimmed } from './testing/whole-check';

const KILLS = SCALE.sizeOf({ sample: 1, fault: 3, torture: 20 });
/** Then another system begins: what is checked after each round is everything since its beginning. */
const ROUNDS_A_SYSTEM = 3;
const TIMEOUT_MS = 600_000;
/** Between two attempts of the second group. */
const ATTEMPT_PAUSE_MS = SCALE.sizeOf({ sample: 10_000, fault: 1_000 });

/** How a failpoint is reached. */
interface Way {
  /** Reached once in the life of a process: the first hit kills. */
  readonly isOnce?: boolean;
  /** Reached while it starts, where the journal ends in frames that no checkpoint knows; else it starts once more. */
  readonly atStart?: boolean;
  /** Reached only a few times, since it takes much journal. */
  readonly isRare?: boolean;
  readonly shape?: LineShape;
  /** Reached on the way out. */
  readonly isStop?: boolean;
  /** Reached only while an ingestor works: one that has seen many failures waits for seconds, so a fresh one is started. */
  readonly byIngestor?: boolean;
  /** Reached by lines of the original protocol. */
  readonly byLines?: boolean;
}

const once: Way = { isOnce: true };
const recovery: Way = { isOnce: true, atStart: true };
const bulky: Way = { isRare: true, shape: { padBytes: 32_768 } };
const WAYS: Partial<Record<Failpoint, Way>> = {
  'recovery.after-replay': once,
  'recovery.before-segment': recovery,
  'recovery.after-copy': recovery,
  'recovery.after-sync': recovery,
  'recovery.after-rename': recovery,
  'journal.roll.after-name': bulky,
  'journal.roll.after-header': bulky,
  'journal.roll.after-sync': bulky,
  'lines.after-append': { byLines: true },
  'records.before-send': { byIngestor: true },
  'records.after-send': { byIngestor: true },
  'head.before-send': { byIngestor: true },
  'group.before-epoch': { isOnce: true, byIngestor: true },
  'group.after-epoch': { isOnce: true, byIngestor: true },
  'seal.after-run-sync': bulky,
  'seal.after-run-rename': bulky,
  'seal.after-runs': bulky,
  'seal.after-store': bulky,
  'checkpoint.after-sync': bulky,
  'replaced-file.after-sync': bulky,
  'replaced-file.after-rename': bulky,
  'checkpoint.after-store': bulky,
  'checkpoint.after-retire': bulky,
  'retention.after-trim': { ...bulky, byIngestor: true },
  'retention.after-drop': { ...bulky, byIngestor: true },
  'stop.before-attestation': { isOnce: true, isStop: true },
  'session.after-connect': once,
  'session.after-join': once,
  'session.after-positions': once,
  'pipeline.after-open': once,
  'session.before-leave': { isOnce: true, isStop: true },
};

const NAMES = { broker: BROKER_FAILPOINTS, ingestor: INGESTOR_FAILPOINTS } satisfies Record<Part, readonly Failpoint[]>;

/** A number below 1 that the seed decides. */
function fractionOf(name: string, round: number): number {
  let hash = SCALE.seed;
  for (const char of `${name} ${round}`) hash = (Math.imul(hash, 31) + char.charCodeAt(0)) >>> 0;
  return (Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0) / 2 ** 32;
}

function hitOf(name: Failpoint, round: number): number {
  const { isOnce = false, isRare = false } = WAYS[name] ?? {};
  if (isOnce) return 1;
  return 1 + Math.floor(fractionOf(name, round) * (isRare ? 2 : 4));
}

describe('the bundles', () => {
  it.each<AppName>(['broker', 'ingestor', 'stub-generator', 'cli'])('of the %s hold no failpoint', (app) => {
    const bundle = readFileSync(bundlePath(app), 'utf8');
    for (const name of [...BROKER_FAILPOINTS, ...INGESTOR_FAILPOINTS, 'PULSES_FAILPOINT', 'failpoint("'])
      expect([name, bundle.includes(name)]).toEqual([name, false]);
  });

  it.each<Part>(['broker', 'ingestor'])('of the %s hold theirs in the test build', (app) => {
    const bundle = readFileSync(testBuildPath(app), 'utf8');
    for (const name of NAMES[app]) expect([name, bundle.includes(`failpoint("${name}")`)]).toEqual([name, true]);
  });
});

/** The rounds of each system, counted from 1. */
const SYSTEMS = Array.from({ length: Math.ceil(KILLS / ROUNDS_A_SYSTEM) }, (_, system) => {
  const first = 1 + system * ROUNDS_A_SYSTEM;
  return {
    first,
    rounds: Array.from({ length: Math.min(ROUNDS_A_SYSTEM, KILLS + 1 - first) }, (_, index) => first + index),
  };
});

describe.each(SYSTEMS)('a system that is killed at every failpoint, from round $first on', ({ rounds }) => {
  let system: TestBuildSystem;
  let load: SteadyLoad;
  let lineCount = 0;
  const kills = new Map<Failpoint, number>();
  let contender: SecondGroup;

  beforeAll(async () => {
    const broker = ['--segment-bytes=1MiB', '--retention-age=source=1s'];
    system = await startTestBuild({ broker, ingestor: ['--flush-interval=200ms'] });
    load = await startLoad(system.port);
    contender = startSecondGroup(system.port, ATTEMPT_PAUSE_MS);
  });
  afterAll(async () => {
    const stopped = contender.stop();
    await stopAll();
    await stopped;
    await system.stop();
  });

  /** Lines without acknowledgement: those before the kill may or may not be kept. */
  async function sendLines(): Promise<void> {
    const lines = Array.from({ length: 5 }, () => `line ${(lineCount += 1)}`);
    await publishLines(system.port, 'lines', lines).catch(() => undefined);
  }

  /** Feeds the system until the part has killed itself. */
  async function killAt(part: Part, name: Failpoint, round: number): Promise<void> {
    const { isStop = false, atStart = false, byLines = false, byIngestor = false, shape } = WAYS[name] ?? {};
    await system.start(part, { name, hit: hitOf(name, round) });
    while (atStart && !(await hasExited(system.apps[part]))) {
      load.send(5, shape);
      // The pace of the load, not a wait.
      await new Promise((resolve) => setTimeout(resolve, 20));
      await kill(part);
      await system.start(part, { name, hit: hitOf(name, round) });
    }
    const app = system.apps[part];
    if (byIngestor) {
      await kill('ingestor');
      // Not until it is ready: the broker may end before.
      void system.start('ingestor');
    }
    let hasEnded = false;
    const ended = app.exited.then(() => (hasEnded = true));
    for (let turn = 0; !hasEnded; turn += 1) {
      load.send(5, shape);
      if (byLines) await sendLines();
      if (isStop && turn === 5) app.signal('SIGTERM');
      // The pace of the load, not a wait.
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 10))]);
    }
    expect([name, await app.exited]).toEqual([name, { code: null, signal: 'SIGKILL' }]);
    expect(app.stderr).toContain(`failpoint ${name}\n`);
    kills.set(name, (kills.get(name) ?? 0) + 1);
  }

  async function hasExited(app: RunningApp): Promise<boolean> {
    const hasExitedNow = app.exited.then(() => true);
    return await Promise.race([hasExitedNow, new Promise<boolean>((resolve) => setImmediate(resolve, false))]);
  }

  async function kill(part: Part): Promise<void> {
    system.apps[part].signal('SIGKILL');
    await system.apps[part].exited;
  }

  it.each(rounds)(
    `keeps every pulse once, round %i (${SCALE.note})`,
    async (round) => {
      for (const part of ['broker', 'ingestor'] as const) {
        await kill(part);
        for (const name of NAMES[part]) await killAt(part, name, round);
        await system.start(part);
      }
      const { differences, sourceLines, firstOffset } = await checkTrimmed(system.port, load.lines);
      expect(differences).toEqual([]);
      expect(sourceLines).toEqual(load.lines.slice(firstOffset));
    },
    TIMEOUT_MS,
  );

  it('refused the second group each time, and removed what had been read', async () => {
    const exits = await contender.stop();
    expect(exits.length).toBeGreaterThan(0);
    for (const exit of exits) expect(exit).toEqual({ code: 2, signal: null });
    await until(async () => (await checkTrimmed(system.port, load.lines)).firstOffset > 0);
  });

  it('was killed at each failpoint, once a round', async () => {
    expect(await load.finish()).toBe(load.lines.length);
    expect([...kills].sort()).toEqual(
      [...BROKER_FAILPOINTS, ...INGESTOR_FAILPOINTS].map((name) => [name, rounds.length]).sort(),
    );
  });

  it('keeps lines without acknowledgement in order and once', async () => {
    const lines = await readLines(system.port, 'lines', 1);
    const numbers = lines.map((line) => Number(line.slice('line '.length)));
    expect(numbers).toEqual([...new Set(numbers)].sort((left, right) => left - right));
  });
});
