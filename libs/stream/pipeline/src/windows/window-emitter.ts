// Turns a sealed window into commits of aggregated lines, a few keys at a time, so that reading continues meanwhile.
//
// Guarantees: each key is emitted once, in order of first appearance. The position `windowed` of a commit counts them; the
// last commit moves it to the next window, over offsets that are missing. The lines depend on the window alone, not on how it was sliced.

import type { AggregationEngine } from '@pulses/aggregation-api';
import type { OutputCommit, SourceIdentity } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import { failpoint } from '@pulses/shared-failpoints';
import { AMOUNT_LIMBS, createAggregatedLines, KEY_FIELDS_BYTES_MAX } from '@pulses/shared-pulse-model';
import { createLineMemory, groupLines, LineStage } from '../commits/line-stage';
import type { OpenWindow } from './open-window';
import type { PipelineLimits } from '../options';
import { WINDOWED, windowedPosition } from '../stored-positions';

/** A commit is sent above this size even with fewer than `sumsMax` keys, since a key may be kilobytes long. */
const BYTES_A_COMMIT_MAX = 4 * 1024 * 1024;

export type EmissionLimits = Pick<PipelineLimits, 'sumsMax' | 'keysPerStep' | 'commitBytes'>;

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
 * Emits what is left of a sealed window through `send`, at most `sumsMax` lines at a time. Yields after every `keysPerStep`
 * keys, true when the next step begins with a commit, and ends when the last one was sent.
 * @param send the last one has `isLast`; there is one also for a window without keys
 */
export async function* emitWindow(
  engine: AggregationEngine,
  source: SourceIdentity,
  window: OpenWindow,
  { sumsMax, keysPerStep, commitBytes }: EmissionLimits,
  send: (commit: OutputCommit, lineCount: number, isLast: boolean) => Promise<void>,
): WindowEmission {
  const keyCount = window.keys.size;
  const { startMs: windowStartMs, windowMs, fromOffset, nextOffset } = window;
  const { keys, tenants } = window;
  const lines = createAggregatedLines({ source, windowStartMs, windowMs, fromOffset, toOffset: nextOffset - 1 }, keys);
  const lineBytesMax = lines.overheadBytes + KEY_FIELDS_BYTES_MAX;
  const linesMax = Math.min(sumsMax, keyCount - window.emittedKeys);
  const bytesMax = Math.min(BYTES_A_COMMIT_MAX, commitBytes);
  const stage = new LineStage(createLineMemory(Math.min(linesMax * lineBytesMax, bytesMax + lineBytesMax)), groupLines);

  /** Takes keys from `fromId` on, up to `toIdMax` or until the commit is long enough; answers the next id. */
  const gather = async (fromId: number, toIdMax: number): Promise<number> => {
    const { limbs, counts, firstSeenMs, lastSeenMs } = await engine.sums(windowStartMs, fromId, toIdMax);
    let id = fromId;
    for (; id < toIdMax && stage.usedBytes < bytesMax; id += 1) {
      const row = id - fromId;
      const end = lines.write(
        stage.memory.bytes,
        stage.usedBytes,
        id,
        keys.bytesOf(id),
        limbs,
        row * AMOUNT_LIMBS,
        counts[row] as number,
        firstSeenMs[row] as number,
        lastSeenMs[row] as number,
      );
      stage.addWritten(end, keys.tenantOf(id));
    }
    return id;
  };

  let nextId = window.emittedKeys;
  do {
    const fromId = nextId;
    const toIdMax = Math.min(keyCount, fromId + sumsMax);
    const isWanted = (): boolean => nextId < toIdMax && stage.usedBytes < bytesMax;
    while (isWanted()) {
      nextId = await gather(nextId, Math.min(toIdMax, nextId + keysPerStep));
      yield !isWanted();
    }
    const isLast = nextId === keyCount;
    const position = isLast
      ? windowedPosition(window.followedBy ?? nextOffset, undefined)
      : windowedPosition(fromOffset, { windowStartMs, windowMs, emittedKeys: nextId });
    const aggregated = stage.take(tenants, Buffer.allocUnsafeSlow(stage.usedBytes));
    const commit = {
      grouped: undefined,
      aggregated,
      deadLetters: undefined,
      positions: new Map([[WINDOWED, position]]),
    };
    await send(commit, nextId - fromId, isLast);
    failpoint('window.after-slice');
  } while (nextId < keyCount);
}
