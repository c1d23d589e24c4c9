// The required behaviour of every aggregation engine. A scenario is skipped only through `supports`.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { AggregationEngine, EngineSource, EngineSupports } from '@pulses/aggregation-api';
import { SCALE } from '@pulses/testing-scale';
import fc from 'fast-check';
import { describeSurvival } from './describe-survival';
import { liveHistory, steps } from './engine-history';
import {
  add,
  addNext,
  expectConflict,
  expectSealed,
  expectSums,
  pulse,
  SKU_A,
  SKU_B,
  SOURCE,
  WINDOW_MS,
} from './engine-probe';
import { AMOUNT_MAX } from './exact-sums';
import type { EngineHarness } from './harness';
import { createTestWindow, idOf, spoil, type TestKey, type TestMessage, type TestWindow } from './test-window';

const ADDS = SCALE.sizeOf({ sample: 20_000, fault: 100_000 });
const KEYS = SCALE.sizeOf({ sample: 40_000, fault: 100_000 });

/**
 * Declares the suite.
 *
 * @param name the engine, for the title
 * @param start starts an empty store
 * @param supports the expected manifest; compared with the engine's own
 */
export function describeAggregationEngine(
  name: string,
  start: () => Promise<EngineHarness>,
  supports: EngineSupports,
): void {
  describe(`the ${name} engine`, () => {
    let harness: EngineHarness;
    let engine: AggregationEngine;
    let source: EngineSource;
    let topics = 0;
    let window: TestWindow;

    beforeAll(async () => {
      harness = await start();
    });
    beforeEach(async () => {
      topics += 1;
      source = { ...SOURCE, topic: `source.conformance-${topics}` };
      engine = harness.createEngine();
      expect(await engine.open(source, 0)).toBeUndefined();
      window = createTestWindow(0, 0);
    });
    afterAll(async () => {
      await harness.close();
    });

    it('declares its capabilities', () => {
      expect(engine.supports).toEqual(supports);
    });

    it('computes exact sums, counts and first and last times by key', async () => {
      await addNext(engine, window, pulse(SKU_A, 10n ** 30n, 100), pulse(SKU_B, 1n, 200), pulse(SKU_A, -3n, 300));
      await addNext(engine, window, pulse(SKU_B, -(10n ** 49n), 400), undefined, pulse(SKU_A, 5n, 400));
      expect(window.sums).toEqual([
        { amount: 10n ** 30n + 2n, count: 3, firstSeenMs: 100, lastSeenMs: 400 },
        { amount: 1n - 10n ** 49n, count: 2, firstSeenMs: 200, lastSeenMs: 400 },
      ]);
      await expectSealed(engine, window);
    });

    it('accepts zero as a time', async () => {
      await addNext(engine, window, pulse(SKU_A, 1n, 0));
      await addNext(engine, window, pulse(SKU_A, 1n, 700));
      await expectSealed(engine, window);
    });

    it('returns any slice of a sealed window, and of the applied part of the open one', async () => {
      const keys = Array.from({ length: 20 }, (_, index): TestKey => ['tenant', `sku-${index}`, 'GB']);
      await addNext(engine, window, ...keys.map((key, index) => pulse(key, BigInt(index), index)));
      await expectSums(engine, window, 5, 9);
      await engine.seal(window.startMs);
      for (const [fromId, toId] of [
        [0, 20],
        [0, 7],
        [7, 20],
        [19, 20],
        [4, 4],
        [20, 20],
      ] as const)
        await expectSums(engine, window, fromId, toId);
    });

    it('rejects a slice beyond the keys or of an unknown window', async () => {
      await addNext(engine, window, pulse(SKU_A, 1n));
      for (const [fromId, toId] of [
        [0, 2],
        [-1, 1],
        [1, 0],
      ] as const)
        await expect(engine.sums(window.startMs, fromId, toId)).rejects.toThrow(TypeError);
      await expect(engine.sums(window.startMs + WINDOW_MS, 0, 1)).rejects.toThrow(TypeError);
    });

    it('counts the added keys, not further ones of the table', async () => {
      await addNext(engine, window, pulse(SKU_A, 1n));
      idOf(window.keys, SKU_B);
      await addNext(engine, window, pulse(SKU_A, 1n));
      await expectSealed(engine, window);
    });

    it('ignores a repeated delta, at once or later', async () => {
      const deltas = [1n, 20n, 300n].map((amount) => window.take([pulse(SKU_A, amount), pulse(SKU_B, -amount)]));
      for (const delta of deltas) {
        await add(engine, delta);
        await add(engine, delta);
      }
      for (const delta of [...deltas].reverse()) await add(engine, delta);
      await expectSealed(engine, window);
      for (const delta of deltas) await add(engine, delta);
      await expectSealed(engine, window);
    });

    it('rejects a delta with a gap or an overlap, and changes nothing', async () => {
      await addNext(engine, window, pulse(SKU_A, 1n), pulse(SKU_A, 2n), pulse(SKU_A, 3n));
      const next = window.nextOffset;
      for (const [fromOffset, nextOffset] of [
        [next + 1, next + 2],
        [next - 1, next + 1],
        [0, next + 1],
      ] as const) {
        const wrong = createTestWindow(0, fromOffset).take([pulse(SKU_A, 7n)]);
        await expectConflict(engine, { ...wrong, nextOffset });
      }
      await addNext(engine, window, pulse(SKU_B, 4n));
      await expectSealed(engine, window);
    });

    it('rejects an add to a sealed window, and seals again with the same count', async () => {
      await addNext(engine, window, pulse(SKU_A, 1n));
      await expectSealed(engine, window);
      await expectConflict(engine, createTestWindow(0, window.nextOffset).take([pulse(SKU_A, 7n)]));
      await expectSealed(engine, window);
    });

    it('does not read the delta after add has returned', async () => {
      for (const amount of [1n, 20n, 300n]) {
        const delta = window.take([pulse(SKU_A, amount, 1), pulse(SKU_B, -amount, 2)]);
        const added = engine.add(delta);
        spoil(delta);
        await added;
      }
      await expectSealed(engine, window);
    });

    it('adds to the next window while the sealed one is read in slices', async () => {
      const keys = Array.from({ length: 50 }, (_, index): TestKey => ['tenant', `sku-${index}`, 'GB']);
      await addNext(engine, window, ...keys.map((key, index) => pulse(key, BigInt(index) - 25n, index)));
      expect(await engine.seal(window.startMs)).toBe(50);
      const next = createTestWindow(WINDOW_MS, window.nextOffset);
      for (let fromId = 0; fromId < 50; fromId += 10) {
        const adding = addNext(
          engine,
          next,
          pulse(keys[49 - fromId] ?? SKU_A, 1n, WINDOW_MS + fromId),
          pulse(SKU_B, 10n ** 40n, WINDOW_MS + fromId),
        );
        await expectSums(engine, window, fromId, fromId + 10);
        await adding;
      }
      await engine.drop(window.startMs);
      await expectSealed(engine, next);
    });

    it('forgets only the dropped window, and can begin another one with its start', async () => {
      await addNext(engine, window, pulse(SKU_A, 1n));
      await engine.seal(window.startMs);
      const next = createTestWindow(WINDOW_MS, window.nextOffset);
      await addNext(engine, next, pulse(SKU_B, 2n));
      await engine.drop(window.startMs);
      await expect(engine.sums(window.startMs, 0, 1)).rejects.toThrow(TypeError);
      await expectSealed(engine, next);
      await engine.drop(next.startMs);
      const again = createTestWindow(0, next.nextOffset);
      await addNext(engine, again, pulse(SKU_B, 3n));
      await expectSealed(engine, again);
    });

    it('seals a window without adds with a count of 0, and drops it', async () => {
      expect(await engine.seal(0)).toBe(0);
      await engine.drop(0);
      await engine.drop(WINDOW_MS);
      await addNext(engine, window, pulse(SKU_A, 1n));
      await expectSealed(engine, window);
    });

    it.each<[string, (mine: EngineSource) => EngineSource]>([
      ['topic', (mine) => ({ ...mine, topic: `${mine.topic}.other` })],
      ['incarnation', (mine) => ({ ...mine, incarnation: 'f'.repeat(32) })],
      ['group', (mine) => ({ ...mine, group: 'other' })],
      ['window length', (mine) => ({ ...mine, windowMs: 2 * WINDOW_MS })],
    ])('opens without any window of another %s', async (_what, otherThan) => {
      await addNext(engine, window, pulse(SKU_A, 1n));
      expect(await engine.open(otherThan(source), 0)).toBeUndefined();
      const fresh = createTestWindow(0, 0);
      await addNext(engine, fresh, pulse(SKU_B, 5n, 3), pulse(SKU_A, 6n, 4));
      await expectSealed(engine, fresh);
    });

    it('opens without windows that start at another offset', async () => {
      await addNext(engine, window, pulse(SKU_A, 1n));
      expect(await engine.open(source, window.nextOffset)).toBeUndefined();
      const fresh = createTestWindow(0, window.nextOffset);
      await addNext(engine, fresh, pulse(SKU_B, 5n));
      await expectSealed(engine, fresh);
    });

    it('isolates two engines on different sources', async () => {
      const other = harness.createEngine();
      expect(await other.open({ ...source, topic: `${source.topic}.other` }, 0)).toBeUndefined();
      const otherWindow = createTestWindow(0, 0);
      for (let round = 0n; round < 10n; round += 1n) {
        await addNext(engine, window, pulse(SKU_A, round));
        await addNext(other, otherWindow, pulse(SKU_B, -round), pulse(SKU_A, 1n));
      }
      await expectSealed(engine, window);
      await engine.drop(window.startMs);
      await expectSealed(other, otherWindow);
      await other.close();
    });

    it('distinguishes keys of 3 * 256 bytes by any byte', async () => {
      const long = 'x'.repeat(255);
      const keys: TestKey[] = [
        [`${long}a`, `${long}a`, `${long}a`],
        [`${long}b`, `${long}a`, `${long}a`],
        [`${long}a`, `${long}b`, `${long}a`],
        [`${long}a`, `${long}a`, `${long}b`],
        [`${long}a`, long, `a${long}`],
        ['é'.repeat(128), '\u{1f600}'.repeat(64), '"\\'.repeat(128)],
      ];
      for (let round = 1n; round <= 3n; round += 1n)
        await addNext(engine, window, ...keys.map((key, index) => pulse(key, round * 10n ** BigInt(index))));
      expect(window.sums).toHaveLength(keys.length);
      await expectSealed(engine, window);
    });

    it('keeps every digit at the limits, for all signs', async () => {
      const amounts = [AMOUNT_MAX, -AMOUNT_MAX, 1n, -1n, 10n ** 30n, -(10n ** 15n), 10n ** 45n - 1n, 0n];
      const key = (index: number): TestKey => ['tenant', `sku-${index}`, 'GB'];
      for (const left of amounts)
        await addNext(
          engine,
          window,
          ...amounts.map((right, index) => pulse(key(index), left + right === 0n ? right : left)),
        );
      for (const amount of amounts) await addNext(engine, window, pulse(SKU_A, amount));
      await expectSealed(engine, window);
    });

    it(`adds the largest amounts ${ADDS} times without losing a carry`, async () => {
      const messages = [pulse(SKU_A, AMOUNT_MAX), pulse(SKU_B, -AMOUNT_MAX)];
      for (let round = 0; round < ADDS; round += 1) await engine.add(window.take(messages));
      expect(window.sums[0]?.amount).toBe(BigInt(ADDS) * AMOUNT_MAX);
      await expectSealed(engine, window);
    }, 180_000);

    it(`holds ${KEYS} keys and returns them in slices`, async () => {
      const messageOf = (index: number): TestMessage =>
        pulse(
          [`tenant-${index % 97}`, `sku-${index}`, 'GB'],
          BigInt(index) * 10n ** 25n - 10n ** 29n,
          Math.floor(index / 100),
        );
      const messages = Array.from({ length: KEYS }, (_, index) => messageOf(index));
      for (let at = 0; at < messages.length; at += 16_384)
        await addNext(engine, window, ...messages.slice(at, at + 16_384));
      await addNext(engine, window, ...messages.slice(-1_000));
      expect(await engine.seal(window.startMs)).toBe(KEYS);
      for (let fromId = 0; fromId < KEYS; fromId += 8_192)
        await expectSums(engine, window, fromId, Math.min(KEYS, fromId + 8_192));
    }, 180_000);

    it('agrees with exact arithmetic over random histories', async () => {
      let histories = 0;
      await fc.assert(
        fc.asyncProperty(steps, async (history) => {
          histories += 1;
          await liveHistory(harness, history, `${source.topic}.history-${histories}`);
        }),
        { numRuns: SCALE.sizeOf({ sample: 30, fault: 300 }) },
      );
    }, 180_000);

    if (supports.survivesRestart) describeSurvival(() => harness);
    else
      it('has nothing after a restart', async () => {
        await addNext(engine, window, pulse(SKU_A, 1n));
        await engine.close();
        const restarted = harness.createEngine();
        expect(await restarted.open(source, 0)).toBeUndefined();
        expect(await restarted.seal(window.startMs)).toBe(0);
      });
  });
}
