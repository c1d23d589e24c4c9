// A random history of an engine, checked against the suite's oracle: adds, repeats, rejections, seals, slices, drops and
// restarts.

import { expect } from '@jest/globals';
import type { AggregationEngine } from '@pulses/aggregation-api';
import fc from 'fast-check';
import { add, expectConflict, expectSealed, expectSums, SOURCE, WINDOW_MS } from './engine-probe';
import { AMOUNT_MAX } from './exact-sums';
import type { EngineHarness } from './harness';
import { createTestWindow, type TestDelta, type TestKey, type TestMessage, type TestWindow } from './test-window';

type GivenMessage = { readonly key: TestKey; readonly amount: bigint; readonly waitMs: number } | undefined;

export type Step =
  | { readonly kind: 'add'; readonly messages: readonly GivenMessage[] }
  | { readonly kind: 'repeat' | 'overlap'; readonly pick: number }
  | { readonly kind: 'slice'; readonly from: number; readonly to: number }
  | { readonly kind: 'seal' | 'drop' }
  /** `cut`: messages per delta of the rebuilt window. */
  | { readonly kind: 'restart'; readonly closes: boolean; readonly cut: number };

const label = fc.oneof(
  fc.constantFrom('a', 'b', 'ab', '__proto__', 'é'),
  fc.constantFrom('x'.repeat(256), `${'x'.repeat(255)}y`),
);
const message = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      key: fc.tuple(label, label, fc.constantFrom('GB', 'h')),
      amount: fc.oneof(
        fc.bigInt({ min: -AMOUNT_MAX, max: AMOUNT_MAX }),
        fc.bigInt({ min: -(10n ** 32n), max: 10n ** 32n }),
        fc.constantFrom(AMOUNT_MAX, -AMOUNT_MAX, 0n, 1n, -1n),
      ),
      waitMs: fc.nat(3),
    }),
  },
  { weight: 1, arbitrary: fc.constant(undefined) },
);

/** A history. */
export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        kind: fc.constant<'add'>('add'),
        messages: fc.array(message, { minLength: 1, maxLength: 12 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constantFrom<'repeat' | 'overlap'>('repeat', 'overlap'), pick: fc.nat() }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant<'slice'>('slice'), from: fc.nat(), to: fc.nat() }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom<'seal' | 'drop'>('seal', 'drop') }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant<'restart'>('restart'),
        closes: fc.boolean(),
        cut: fc.integer({ min: 1, max: 9 }),
      }),
    },
  ),
  { maxLength: 40 },
);

/** The history's model of a window. */
interface Told {
  window: TestWindow;
  messages: TestMessage[];
  deltas: TestDelta[];
}

/** Runs a history on a new source and compares at every step and at the end. */
export async function liveHistory(harness: EngineHarness, history: readonly Step[], topic: string): Promise<void> {
  const source = { ...SOURCE, topic };
  let engine: AggregationEngine = harness.createEngine();
  let timeMs = 0;
  let open = toldAt(0, 0);
  let sealed: Told | undefined;

  const addTo = async (told: Told, messages: readonly TestMessage[]): Promise<void> => {
    const delta = told.window.take(messages);
    told.messages.push(...messages);
    told.deltas.push(delta);
    await add(engine, delta);
  };

  const rebuild = async (told: Told, cut: number): Promise<Told> => {
    const rebuilt = toldAt(told.window.startMs, told.window.fromOffset);
    for (let at = 0; at < told.messages.length; at += cut) await addTo(rebuilt, told.messages.slice(at, at + cut));
    return rebuilt;
  };

  const restart = async (closes: boolean, cut: number): Promise<void> => {
    const oldest = sealed ?? open;
    if (engine.supports.survivesRestart) {
      if (closes) await engine.close();
      engine = harness.createEngine();
    }
    const { fromOffset, nextOffset, sums, keys, startMs } = oldest.window;
    const state = await engine.open(source, fromOffset);
    if (engine.supports.survivesRestart && oldest.deltas.length > 0) {
      expect(state).toMatchObject({ windowStartMs: startMs, fromOffset, nextOffset });
      expect(state?.keys.size).toBe(sums.length);
      for (let id = 0; id < sums.length; id += 1) expect(state?.keys.bytesOf(id)).toEqual(keys.bytesOf(id));
    } else {
      expect(state).toBeUndefined();
      if (sealed === undefined) open = await rebuild(open, cut);
      else sealed = await rebuild(sealed, cut);
    }
    if (sealed === undefined) return;
    await expectSealed(engine, sealed.window);
    open = await rebuild(open, cut);
  };

  const live = async (step: Step): Promise<void> => {
    switch (step.kind) {
      case 'add':
        return addTo(
          open,
          step.messages.map((given) => given && { ...given, timestampMs: (timeMs += given.waitMs) }),
        );
      case 'repeat': {
        const delta = open.deltas[step.pick % open.deltas.length];
        return delta === undefined ? undefined : add(engine, delta);
      }
      case 'overlap': {
        const delta = open.deltas[step.pick % open.deltas.length];
        if (delta === undefined) return;
        const { nextOffset } = open.window;
        return expectConflict(engine, { ...delta, fromOffset: nextOffset - 1, nextOffset: nextOffset + 1 });
      }
      case 'slice': {
        const { window } = sealed ?? open;
        const fromId = step.from % (window.sums.length + 1);
        return expectSums(engine, window, fromId, fromId + (step.to % (window.sums.length - fromId + 1)));
      }
      case 'seal':
        // A window has at least one message, so no two windows start at one offset.
        if (sealed !== undefined || open.deltas.length === 0) return;
        await expectSealed(engine, open.window);
        sealed = open;
        open = toldAt(sealed.window.startMs + WINDOW_MS, sealed.window.nextOffset);
        return;
      case 'drop':
        if (sealed === undefined) return;
        await expectSums(engine, sealed.window);
        await engine.drop(sealed.window.startMs);
        sealed = undefined;
        return;
      case 'restart':
        return restart(step.closes, step.cut);
    }
  };

  expect(await engine.open(source, 0)).toBeUndefined();
  for (const step of history) await live(step);
  if (sealed !== undefined) await expectSealed(engine, sealed.window);
  await expectSealed(engine, open.window);
  await engine.close();
}

function toldAt(startMs: number, fromOffset: number): Told {
  return { window: createTestWindow(startMs, fromOffset), messages: [], deltas: [] };
}
