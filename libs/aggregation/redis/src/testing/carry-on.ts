// Feeds an engine with a window and carries on through every failure that a pipeline carries on through.

import type { AggregationEngine, EngineSource } from '@pulses/aggregation-api';
import { isPulsesError, type ErrorCode } from '@pulses/shared-errors';
import { copyKeys, SOURCE, textsOf, type WindowLog } from './window-log';

/** Codes on which a pipeline opens another session, beside the retriable ones. */
const MENDED: readonly ErrorCode[] = ['FENCED', 'POSITION_CONFLICT'];
const KEYS_A_SLICE = 1_500;
/** More failures than any test makes: the engine gets nowhere. */
const FAILURES_MAX = 2_000;

export interface CarryOnOptions {
  readonly engine: AggregationEngine;
  readonly log: WindowLog;
  readonly source?: EngineSource;
  /** Messages of one delta. */
  readonly step: number;
  /** Runs beside each call; the call and this are both waited for. */
  readonly beside?: (call: 'add' | 'seal' | 'sums') => Promise<void> | void;
  /** Runs after a failure, before the engine is opened again. */
  readonly repair?: (code: ErrorCode) => Promise<void>;
}

export interface CarriedOn {
  /** The sums that the engine answered at last. */
  readonly sums: string[];
  /** Codes of the failures, one for each session that ended with one. */
  readonly failures: ErrorCode[];
  /** Sessions that found nothing, and such that found the window. */
  readonly rebuilt: number;
  readonly resumed: number;
}

/** @throws what no new session mends */
export async function carryOn({
  engine,
  log,
  source = SOURCE,
  step,
  beside,
  repair,
}: CarryOnOptions): Promise<CarriedOn> {
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
        !(error.retriable || MENDED.includes(error.code)) ||
        failures.length === FAILURES_MAX
      )
        throw error;
      failures.push(error.code);
      await repair?.(error.code);
    }
  }
}
