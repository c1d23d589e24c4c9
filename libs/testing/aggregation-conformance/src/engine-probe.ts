// Steps shared by the scenarios.

import { expect } from '@jest/globals';
import type { AggregationEngine, EngineSource, WindowDelta } from '@pulses/aggregation-api';
import { isPulsesError } from '@pulses/shared-errors';
import { readSums, spoil, type TestKey, type TestMessage, type TestWindow } from './test-window';

export const WINDOW_MS = 5_000;

export const SOURCE: EngineSource = {
  topic: 'source.pulses',
  incarnation: '0123456789abcdef0123456789abcdef',
  group: 'conformance',
  windowMs: WINDOW_MS,
};

export const SKU_A: TestKey = ['tenant', 'sku-a', 'GB'];
export const SKU_B: TestKey = ['tenant', 'sku-b', 'GB'];

export function pulse(key: TestKey, amount: bigint, timestampMs = 0): TestMessage {
  return { key, amount, timestampMs };
}

/** Adds a copy of the delta and overwrites the copy as soon as `add` has returned. */
export async function add(engine: AggregationEngine, delta: WindowDelta): Promise<void> {
  const copy: WindowDelta = {
    ...delta,
    ids: delta.ids.slice(),
    limbs: delta.limbs.slice(),
    counts: delta.counts.slice(),
    firstSeenMs: delta.firstSeenMs.slice(),
    lastSeenMs: delta.lastSeenMs.slice(),
  };
  const added = engine.add(copy);
  spoil(copy);
  await added;
}

/** Adds the next messages of a window. */
export function addNext(engine: AggregationEngine, window: TestWindow, ...messages: TestMessage[]): Promise<void> {
  return add(engine, window.take(messages));
}

/** Expects the rejection of a delta. */
export async function expectConflict(engine: AggregationEngine, delta: WindowDelta): Promise<void> {
  const failure: unknown = await add(engine, delta).catch((error: unknown) => error);
  expect(isPulsesError(failure, 'POSITION_CONFLICT')).toBe(true);
}

/** Seals a window, and expects the sums of all its keys. */
export async function expectSealed(engine: AggregationEngine, window: TestWindow): Promise<void> {
  expect(await engine.seal(window.startMs)).toBe(window.sums.length);
  await expectSums(engine, window);
}

/** Expects the sums of the keys `[fromId, toId)`. */
export async function expectSums(
  engine: AggregationEngine,
  window: TestWindow,
  fromId = 0,
  toId = window.sums.length,
): Promise<void> {
  if (window.sums.length === 0) return;
  const slice = await engine.sums(window.startMs, fromId, toId);
  expect([slice.fromId, slice.toId]).toEqual([fromId, toId]);
  expect(readSums(slice)).toEqual(window.sums.slice(fromId, toId));
}
