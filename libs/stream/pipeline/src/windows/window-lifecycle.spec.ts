import { describe, expect, it } from '@jest/globals';
import { createReferenceEngine } from '@pulses/testing-aggregation-conformance';
import { createSimClock } from '@pulses/testing-sim';
import { CommitFlow } from '../commits/commit-flow';
import { fill, SOURCE, windowAt } from '../testing/filled-window';
import { HeldCommits } from '../testing/held-commits';
import { line } from '../testing/rig';
import { WINDOW_TRANSITIONS, WindowLifecycle, type WindowState } from './window-lifecycle';

type Kind = WindowState['kind'];

const START_MS = 1_700_000_000_000;
const KINDS = Object.keys(WINDOW_TRANSITIONS) as Kind[];

/** A window of some keys, of which two go into a commit and one into a step. */
async function start(keys = 3) {
  const engine = createReferenceEngine();
  await engine.open({ ...SOURCE, group: 'g', windowMs: 5_000 }, 0);
  const window = windowAt(START_MS);
  await fill(engine, window, keys === 0 ? ['no pulse'] : Array.from({ length: keys }, (_, i) => line('a', `s${i}`, i)));
  const commits = new HeldCommits();
  const flow = new CommitFlow({
    session: commits.session,
    clock: createSimClock(),
    underWayMax: 2,
    stored: () => undefined,
  });
  let aggregated = 0;
  const lifecycle = new WindowLifecycle(window, {
    engine,
    source: SOURCE,
    limits: { sumsMax: 2, tenantsMax: 9, keysPerStep: 1, commitBytes: 4 * 1024 * 1024 },
    flow,
    aggregated: (count) => (aggregated += count),
    stored: () => undefined,
  });
  return { engine, lifecycle, commits, flow, aggregated: () => aggregated };
}

type Started = Awaited<ReturnType<typeof start>>;

/** Takes a new window to a state, by the calls that a session makes. */
async function startIn(kind: Kind): Promise<Started> {
  const started = await start();
  const { lifecycle, commits } = started;
  if (kind === 'open') return started;
  await lifecycle.seal();
  if (kind === 'sealed') return started;
  await lifecycle.emit();
  if (kind === 'emitting') return started;
  while (lifecycle.isEmitting) await lifecycle.emit();
  if (kind === 'sent') return started;
  while (commits.underWay > 0) await commits.answer();
  if (kind === 'stored') return started;
  await lifecycle.drop();
  return started;
}

const CALLS = {
  seal: (lifecycle: WindowLifecycle) => lifecycle.seal(),
  emit: (lifecycle: WindowLifecycle) => lifecycle.emit(),
  drop: (lifecycle: WindowLifecycle) => lifecycle.drop(),
};
const LEGAL: Partial<Record<Kind, Partial<Record<keyof typeof CALLS, Kind>>>> = {
  open: { seal: 'sealed' },
  sealed: { emit: 'emitting' },
  emitting: { emit: 'emitting' },
  stored: { drop: 'dropped' },
};

describe('the life of a window', () => {
  it('has one way from open to dropped, and no way back', () => {
    const reachable = (from: Kind, seen = new Set<Kind>()): Set<Kind> => {
      for (const next of WINDOW_TRANSITIONS[from])
        if (!seen.has(next)) {
          seen.add(next);
          reachable(next, seen);
        }
      return seen;
    };
    expect([...reachable('open')].sort()).toEqual(KINDS.filter((kind) => kind !== 'open').sort());
    for (const [index, kind] of KINDS.entries())
      for (const earlier of KINDS.slice(0, index)) expect([...reachable(kind)]).not.toContain(earlier);
  });

  it.each(KINDS)('gets to %s by the calls of a session', async (kind) => {
    expect((await startIn(kind)).lifecycle.state.kind).toBe(kind);
  });

  it.each(KINDS.flatMap((kind) => (Object.keys(CALLS) as (keyof typeof CALLS)[]).map((call) => [kind, call] as const)))(
    'when %s, takes %s as the table says',
    async (kind, call) => {
      const { lifecycle } = await startIn(kind);
      const next = LEGAL[kind]?.[call];
      if (next === undefined) {
        await expect(CALLS[call](lifecycle)).rejects.toThrow(TypeError);
        expect(lifecycle.state.kind).toBe(kind);
      } else {
        await CALLS[call](lifecycle);
        expect(lifecycle.state.kind).toBe(next);
      }
    },
  );

  it('is stored with its last commit, not with an earlier one, and counts what is stored', async () => {
    const { lifecycle, commits, aggregated } = await startIn('sent');
    expect(commits.sent).toHaveLength(2);
    await commits.answer();
    expect([lifecycle.state.kind, aggregated()]).toEqual(['sent', 2]);
    await commits.answer();
    expect([lifecycle.state.kind, aggregated()]).toEqual(['stored', 3]);
  });

  it('stays sent when its last commit fails, so the engine never forgets sums that may not be stored', async () => {
    const { lifecycle, commits } = await startIn('sent');
    await commits.answer();
    await commits.answer(new Error('no answer'));
    expect(lifecycle.state.kind).toBe('sent');
    await expect(lifecycle.drop()).rejects.toThrow('a window that is sent');
  });

  it('asks for room exactly when the next step sends a commit', async () => {
    const { lifecycle, commits } = await start(5);
    expect(lifecycle.untilRoom()).toBeUndefined();
    await lifecycle.seal();
    const sendsAt: boolean[] = [];
    while (lifecycle.isEmitting) {
      const isSending = lifecycle.untilRoom() !== undefined;
      sendsAt.push(isSending);
      const before = commits.sent.length;
      await lifecycle.emit();
      expect(commits.sent.length - before).toBe(isSending ? 1 : 0);
      if (commits.underWay === 2) await commits.answer();
    }
    expect(sendsAt.filter(Boolean)).toHaveLength(3);
    expect(lifecycle.untilRoom()).toBeUndefined();
  });

  it('is sent in its first step when it has no keys, by a commit of its position alone', async () => {
    const { lifecycle, commits } = await start(0);
    await lifecycle.seal();
    await lifecycle.emit();
    expect(lifecycle.state.kind).toBe('sent');
    expect(commits.sent).toMatchObject([{ aggregated: undefined, grouped: undefined, deadLetters: undefined }]);
  });

  it('stays open when the engine has other keys than were read', async () => {
    const { engine, lifecycle } = await start();
    const seal = engine.seal.bind(engine);
    engine.seal = async (startMs) => (await seal(startMs)) + 1;
    await expect(lifecycle.seal()).rejects.toMatchObject({ code: 'PROTOCOL_VIOLATION' });
    expect(lifecycle.state.kind).toBe('open');
  });
});
