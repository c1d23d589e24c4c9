// Turns a closed window into commits of aggregated lines.
//
// Guarantees: keys are emitted in order of first appearance, each once: a commit's position `windowed` counts them, and
// the last one moves on to the next window. The lines are a function of the window alone, not of how it was sliced.

import type { AggregationEngine } from '@pulses/aggregation-api';
import type { OutputCommit, SourceIdentity, TenantOutput } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import { failpoint } from '@pulses/shared-failpoints';
import { aggregatedLine, AMOUNT_LIMBS, formatAmount, type WindowFacts } from '@pulses/shared-pulse-model';
import type { OpenWindow } from './open-window';
import { WINDOWED, windowedPosition } from './stored-positions';

/** Above it a commit is sent although it has fewer keys: they may be kilobytes long. */
const BYTES_A_COMMIT_MAX = 4 * 1024 * 1024;

interface Slice {
  readonly aggregated: TenantOutput[];
  readonly toId: number;
}

/**
 * Seals a window and emits what is left of it through `send`, at most `sumsMax` lines at a time.
 * @throws PulsesError PROTOCOL_VIOLATION when the engine does not have the window's keys
 */
export async function emitWindow(
  engine: AggregationEngine,
  source: SourceIdentity,
  window: OpenWindow,
  sumsMax: number,
  send: (commit: OutputCommit, lineCount: number) => Promise<void>,
): Promise<void> {
  failpoint('window.before-seal');
  const keyCount = await engine.seal(window.startMs);
  failpoint('window.after-seal');
  if (keyCount !== window.keys.size || keyCount < window.emittedKeys)
    throw new PulsesError(
      'PROTOCOL_VIOLATION',
      `the window from ${window.startMs} ms on has ${window.keys.size} keys, the engine ${keyCount}; ${window.emittedKeys} are emitted`,
    );
  const facts: WindowFacts = {
    source,
    windowStartMs: window.startMs,
    windowMs: window.windowMs,
    fromOffset: window.fromOffset,
    toOffset: window.nextOffset - 1,
  };
  let nextId = window.emittedKeys;
  do {
    const slice = await nextSlice(engine, window, facts, nextId, Math.min(keyCount, nextId + sumsMax));
    const lineCount = slice.toId - nextId;
    nextId = slice.toId;
    const position =
      nextId === keyCount
        ? windowedPosition(window.nextOffset, undefined)
        : windowedPosition(window.fromOffset, {
            windowStartMs: window.startMs,
            windowMs: window.windowMs,
            emittedKeys: nextId,
          });
    const positions = new Map([[WINDOWED, position]]);
    await send({ grouped: [], aggregated: slice.aggregated, deadLetters: undefined, positions }, lineCount);
    failpoint('window.after-slice');
  } while (nextId < keyCount);
}

async function nextSlice(
  engine: AggregationEngine,
  window: OpenWindow,
  facts: WindowFacts,
  fromId: number,
  toIdMax: number,
): Promise<Slice> {
  if (fromId === toIdMax) return { aggregated: [], toId: toIdMax };
  const sums = await engine.sums(window.startMs, fromId, toIdMax);
  const linesByTenant = new Map<number, Buffer[]>();
  let bytes = 0;
  let id = fromId;
  for (; id < toIdMax && bytes < BYTES_A_COMMIT_MAX; id += 1) {
    const row = id - fromId;
    const line = aggregatedLine(facts, {
      key: window.keys.bytesOf(id),
      keyFields: window.keyFields[id] as Uint8Array,
      total: formatAmount(sums.limbs, row * AMOUNT_LIMBS),
      pulseCount: sums.counts[row] as number,
      firstSeenMs: sums.firstSeenMs[row] as number,
      lastSeenMs: sums.lastSeenMs[row] as number,
    });
    bytes += line.byteLength;
    const tenant = window.tenantOfKey[id] as number;
    const lines = linesByTenant.get(tenant);
    if (lines === undefined) linesByTenant.set(tenant, [line]);
    else lines.push(line);
  }
  const aggregated = [...linesByTenant].map(([tenant, lines]) => ({
    tenant: window.tenants[tenant] as string,
    recordCount: lines.length,
    payload: Buffer.concat(lines),
  }));
  return { aggregated, toId: id };
}
