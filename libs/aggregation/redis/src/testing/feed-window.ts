// Feeds a window to an engine, and reopens the engine after each failure that a pipeline recovers from.

import type { AggregationEngine, EngineSource } from '@pulses/aggregation-api';
import { isPulsesError, type ErrorCode } from '@pulses/shared-errors';
import { copyKeys, SOURCE, textsOf, type WindowLog } from './window-log';

/** Codes after which a pipeline opens another session, besides the retriable ones. */
const RECOVERABLE: readonly ErrorCode[] = ['FENCED', 'POSITION_CONFLICT'];
const KEYS_A_SLICE = 1_500;
/** More failures than any test causes; then the engine makes no progress. */
const FAILURES_MAX = 2_000;

export interface FeedOptions {
  readonly engine: AggregationEngine;
  readonly log: WindowLog;
  readonly source?: EngineSource;
  /** Messages per delta. */
  readonly step: number;
  /** Runs concurrently with each call; both are awaited. */
  readonly beside?: (call: 'add' | 'seal' | 'sums') => Promise<void> | void;
  /** Runs after a failure, before the engine is reopened. */
  readonly repair?: (code: ErrorCode) => Promise<void>;
}

export interface FeedResult {
  /** The sums that the engine returned in the end. */
  readonly sums: string[];
  /** Codes of the failures, one per failed session. */
  readonly failures: ErrorCode[];
  /** Numbers of sessions that found no window, and of those that found it. */
  readonly rebuilt: number;
  readonly resumed: number;
}

/** @throws a failure that no new session recovers from */
export async function feedWindow({
  engine,
  log,
  source = SOURCE,
  step,
  beside,
  repair,
}: FeedOptions): Promise<FeedResult> {
  const failures: ErrorCode[] = [];
  let [rebuilt, resumed] = [0, 0];
  const both = async <Result>(call: 'add' | 'seal' | 'sums', run: () => Promise<Result> | Result): Promise<Result> => {
    const [result] = await Promise.allSettled([(async () => run())(), beside?.(call)]);
    if (result.status === 'rejected') throw result.reason as Error;
    return result.value;
  };
  for (;;) {
    try {
      const state = await engine.open(source, log.fromOffset);
      if (state === undefined) rebuilt += 1;
      else resumed += 1;
      const keys = copyKeys(state?.keys);
      for (let at = state?.nextOffset ?? log.fromOffset; at < log.endOffset; at += step) {
        const delta = log.delta(keys, at, Math.min(log.endOffset, at + step));
        await both('add', () => engine.add(delta));
      }
      const keyCount = await both('seal', () => engine.seal(log.startMs));
      const sums: string[] = [];
      for (let from = 0; from < keyCount; from += KEYS_A_SLICE) {
        const slice = await both('sums', () => engine.sums(log.startMs, from, Math.min(keyCount, from + KEYS_A_SLICE)));
        sums.push(...textsOf(slice));
      }
      await engine.drop(log.startMs);
      return { sums, failures, rebuilt, resumed };
    } catch (error) {
      if (
        !isPulsesError(error) ||
        !(error.retriable || RECOVERABLE.includes(error.code)) ||
        failures.length === FAILURES_MAX
      )
        throw error;
      failures.push(error.code);
      await repair?.(error.code);
    }
  }
}
