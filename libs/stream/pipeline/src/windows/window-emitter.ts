// Turns a sealed window into commits of aggregated lines, a few keys at a time, so that reading continues meanwhile.
//
// Guarantees: each key is emitted once, tenant by tenant (see emission-block.ts). The position `windowed` of a commit counts
// them; the last commit moves it to the next window, over offsets that are missing. The lines depend on the window alone,
// not on how it was sliced.

import type { AggregationEngine } from '@pulses/aggregation-api';
import type { OutputCommit, SourceIdentity, TenantColumns } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import { failpoint } from '@pulses/shared-failpoints';
import {
  AMOUNT_LIMBS,
  createAggregatedLines,
  KEY_FIELDS_BYTES_MAX,
  type AggregatedLines,
} from '@pulses/shared-pulse-model';
import { createLineMemory, groupLines, LineStage } from '../commits/line-stage';
import { BLOCK_KEYS, EmissionBlock } from './emission-block';
import type { OpenWindow } from './open-window';
import type { WindowKeys } from './window-keys';
import type { PipelineLimits } from '../options';
import { WINDOWED, windowedPosition } from '../stored-positions';

/** A commit is sent above this size even with fewer than `sumsMax` keys, since a key may be kilobytes long. */
const BYTES_A_COMMIT_MAX = 4 * 1024 * 1024;

export interface EmissionLimits extends Pick<PipelineLimits, 'sumsMax' | 'tenantsMax' | 'keysPerStep' | 'commitBytes'> {
  /** Asked before each commit: at most `sumsMax`, which it is without this. */
  sumsNow?(): number;
}

/** Yields after each step whether the next one begins with a commit. */
export type WindowEmission = AsyncGenerator<boolean, void>;

/** Makes the engine take no more adds. @throws PulsesError PROTOCOL_VIOLATION when it does not have the window's keys */
export async function sealWindow(engine: AggregationEngine, window: OpenWindow): Promise<void> {
  failpoint('window.before-seal');
  const keyCount = await engine.seal(window.startMs);
  failpoint('window.after-seal');
  if (keyCount !== window.keys.size || keyCount < window.emittedKeys)
    throw new PulsesError(
      'PROTOCOL_VIOLATION',
      `the window that starts at ${window.startMs} ms has ${window.keys.size} keys, the engine has ${keyCount}; ${window.emittedKeys} are emitted`,
    );
}

/**
 * Emits what is left of a sealed window through `send`, at most `sumsMax` lines of `tenantsMax` tenants at a time. Yields
 * after every `keysPerStep` keys, true when the next step begins with a commit, and ends when the last one was sent.
 * @param send the last one has `isLast`; there is one also for a window without keys
 */
export async function* emitWindow(
  engine: AggregationEngine,
  source: SourceIdentity,
  window: OpenWindow,
  { sumsMax, sumsNow = () => sumsMax, tenantsMax, keysPerStep, commitBytes }: EmissionLimits,
  send: (commit: OutputCommit, lineCount: number, isLast: boolean) => Promise<void>,
): WindowEmission {
  const { startMs: windowStartMs, windowMs, fromOffset, nextOffset, keys, order } = window;
  const lines = createAggregatedLines({ source, windowStartMs, windowMs, fromOffset, toOffset: nextOffset - 1 }, keys);
  const lineBytesMax = lines.overheadBytes + KEY_FIELDS_BYTES_MAX;
  const linesMax = Math.min(sumsMax, BLOCK_KEYS, keys.size - window.emittedKeys);
  const bytesMax = Math.min(BYTES_A_COMMIT_MAX, commitBytes);
  const stage = new LineStage(createLineMemory(Math.min(linesMax * lineBytesMax, bytesMax + lineBytesMax)), groupLines);
  const slice = new EmissionSlice(lines, stage, keys, { sumsNow, tenantsMax, bytesMax });

  let block: EmissionBlock | undefined;
  let emitted = window.emittedKeys;
  do {
    if (emitted < keys.size && emitted >= (block?.toId ?? 0)) {
      block = new EmissionBlock(keys, order, emitted);
      while (!block.isLoaded) {
        await block.load(engine, windowStartMs, keysPerStep);
        yield false;
      }
    }
    const before = emitted;
    while (block !== undefined && emitted < block.toId && !slice.isFull) {
      emitted = slice.add(block, emitted, keysPerStep);
      yield slice.isFull || emitted === block.toId;
    }
    const isLast = emitted === keys.size;
    const position = isLast
      ? windowedPosition(window.followedBy ?? nextOffset, undefined)
      : windowedPosition(fromOffset, { windowStartMs, windowMs, emittedKeys: emitted, order });
    const commit = {
      grouped: undefined,
      aggregated: slice.take(window.tenants),
      deadLetters: undefined,
      positions: new Map([[WINDOWED, position]]),
    };
    await send(commit, emitted - before, isLast);
    failpoint('window.after-slice');
  } while (emitted < keys.size);
}

interface SliceLimits {
  readonly tenantsMax: number;
  readonly bytesMax: number;
  sumsNow(): number;
}

/** The sums of one commit. */
class EmissionSlice {
  readonly #lines: AggregatedLines;
  readonly #stage: LineStage;
  readonly #keys: WindowKeys;
  readonly #limits: SliceLimits;
  #sumsMax: number;
  #tenant = -1;
  #tenantCount = 0;
  #isFull = false;

  constructor(lines: AggregatedLines, stage: LineStage, keys: WindowKeys, limits: SliceLimits) {
    this.#lines = lines;
    this.#stage = stage;
    this.#keys = keys;
    this.#limits = limits;
    this.#sumsMax = limits.sumsNow();
  }

  /** True when it takes no more. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** Adds at most `keysMax` keys from a place of the window's order on, until it is full; answers the next place. */
  add(block: EmissionBlock, place: number, keysMax: number): number {
    const { tenantsMax, bytesMax } = this.#limits;
    const { bytes } = this.#stage.memory;
    const end = Math.min(block.toId, place + keysMax);
    let next = place;
    for (; next < end; next += 1) {
      const id = block.ids[next - block.fromId] as number;
      const tenant = this.#keys.tenantOf(id);
      const isOther = tenant !== this.#tenant;
      const { length, usedBytes } = this.#stage;
      this.#isFull = length >= this.#sumsMax || usedBytes >= bytesMax || (isOther && this.#tenantCount === tenantsMax);
      if (this.#isFull) return next;
      if (isOther) this.#tenantCount += 1;
      this.#tenant = tenant;
      const row = id - block.fromId;
      const lineEnd = this.#lines.write(
        bytes,
        usedBytes,
        id,
        this.#keys.bytesOf(id),
        block.limbs,
        row * AMOUNT_LIMBS,
        block.counts[row] as number,
        block.firstSeenMs[row] as number,
        block.lastSeenMs[row] as number,
      );
      this.#stage.addWritten(lineEnd, tenant);
    }
    this.#isFull = this.#stage.length >= this.#sumsMax || this.#stage.usedBytes >= bytesMax;
    return next;
  }

  /** Takes the lines out; it is empty then. */
  take(tenants: readonly string[]): TenantColumns | undefined {
    this.#tenant = -1;
    this.#tenantCount = 0;
    this.#isFull = false;
    this.#sumsMax = this.#limits.sumsNow();
    return this.#stage.take(tenants, Buffer.allocUnsafeSlow(this.#stage.usedBytes));
  }
}
