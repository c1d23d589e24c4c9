// The required behaviour of an engine whose sums survive it. "Restarted" means another engine over the same store, after
// `close` or without it.

import { beforeEach, describe, expect, it } from '@jest/globals';
import type { AggregationEngine, EngineSource, EngineState } from '@pulses/aggregation-api';
import { addNext, expectConflict, expectSealed, pulse, SKU_A, SKU_B, SOURCE, WINDOW_MS } from './engine-probe';
import type { EngineHarness } from './harness';
import { createTestWindow, type TestWindow } from './test-window';

export function describeSurvival(harness: () => EngineHarness): void {
  describe.each([
    ['after a clean end', true],
    ['after a crash', false],
  ])('restarted %s', (_title, closes) => {
    let engine: AggregationEngine;
    let source: EngineSource;
    let window: TestWindow;
    let topics = 0;

    const restart = async (from: EngineSource, fromOffset: number): Promise<EngineState | undefined> => {
      if (closes) await engine.close();
      engine = harness().createEngine();
      return engine.open(from, fromOffset);
    };

    const expectState = (
      state: EngineState | undefined,
      { startMs, fromOffset, nextOffset, keys, sums }: TestWindow,
    ) => {
      expect(state).toMatchObject({ windowStartMs: startMs, fromOffset, nextOffset });
      expect(state?.keys.size).toBe(sums.length);
      for (let id = 0; id < sums.length; id += 1) expect(state?.keys.bytesOf(id)).toEqual(keys.bytesOf(id));
    };

    beforeEach(async () => {
      topics += 1;
      source = { ...SOURCE, topic: `source.survival-${closes ? 'closed' : 'crashed'}-${topics}` };
      engine = harness().createEngine();
      expect(await engine.open(source, 40)).toBeUndefined();
      window = createTestWindow(0, 40);
    });

    it('reports the open window with its keys, and continues to add to it', async () => {
      await addNext(
        engine,
        window,
        undefined,
        pulse(SKU_B, 10n ** 49n, 10),
        pulse(['é', '', 'x'.repeat(256)], -1n, 20),
      );
      await addNext(engine, window, pulse(SKU_A, 2n, 30), undefined);
      expectState(await restart(source, 40), window);
      await expectConflict(
        engine,
        createTestWindow(0, 43).take([pulse(SKU_A, 7n), pulse(SKU_A, 7n), pulse(SKU_A, 7n)]),
      );
      await addNext(engine, window, pulse(SKU_A, 3n, 50), pulse(['new', 'key', 'h'], 4n, 60));
      expectState(await restart(source, 40), window);
      await expectSealed(engine, window);
    });

    it('keeps a sealed window that was not dropped, and forgets the one after it', async () => {
      await addNext(engine, window, pulse(SKU_A, 1n, 10), pulse(SKU_B, 2n, 10));
      await engine.seal(window.startMs);
      const next = createTestWindow(WINDOW_MS, window.nextOffset);
      await addNext(engine, next, pulse(SKU_A, 3n, WINDOW_MS));
      expectState(await restart(source, 40), window);
      await expectSealed(engine, window);
      expect(await engine.seal(next.startMs)).toBe(0);
    });

    it('reports the open window when the one before it was emitted but not dropped', async () => {
      await addNext(engine, window, pulse(SKU_A, 1n, 10));
      await engine.seal(window.startMs);
      const next = createTestWindow(WINDOW_MS, window.nextOffset);
      await addNext(engine, next, pulse(SKU_B, 3n, WINDOW_MS));
      expectState(await restart(source, next.fromOffset), next);
      expect(await engine.seal(window.startMs)).toBe(0);
      await expectSealed(engine, next);
    });

    it('forgets windows that do not start at the read offset of the source', async () => {
      await addNext(engine, window, pulse(SKU_A, 1n, 10));
      expect(await restart(source, 39)).toBeUndefined();
      expect(await restart(source, 40)).toBeUndefined();
      await addNext(engine, window, pulse(SKU_A, 1n, 10));
    });

    it('reports nothing of a dropped window', async () => {
      await addNext(engine, window, pulse(SKU_A, 1n, 10));
      await engine.seal(window.startMs);
      await engine.drop(window.startMs);
      expect(await restart(source, 40)).toBeUndefined();
    });

    it('reports nothing to another source, and keeps the windows of the first', async () => {
      await addNext(engine, window, pulse(SKU_A, 1n, 10));
      expect(await restart({ ...source, topic: `${source.topic}.other` }, 40)).toBeUndefined();
      await addNext(engine, createTestWindow(0, 40), pulse(SKU_B, 9n, 10));
      expectState(await restart(source, 40), window);
      await expectSealed(engine, window);
    });
  });
  it('fences an engine whose source another one has opened', async () => {
    const source = { ...SOURCE, topic: 'source.survival-fenced' };
    const [engine, other] = [harness().createEngine(), harness().createEngine()];
    const window = createTestWindow(0, 40);
    await engine.open(source, 40);
    await addNext(engine, window, pulse(SKU_A, 1n));
    await engine.seal(window.startMs);
    await other.open(source, 40);
    for (const call of ['sums', 'seal', 'drop'] as const)
      await expect(engine[call](window.startMs, 0, 1)).rejects.toMatchObject({ code: 'FENCED' });
    await expectSealed(other, window);
    await Promise.all([engine.close(), other.close()]);
  });
}
