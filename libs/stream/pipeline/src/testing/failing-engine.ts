// An engine whose calls fail where the test says.

import type { AggregationEngine } from '@pulses/aggregation-api';
import { PulsesError } from '@pulses/shared-errors';

export type EngineCall = 'open' | 'add' | 'seal' | 'sums' | 'drop';

/** Which call fails, counted from 0 over all calls, and whether it fails before or after its work. */
export interface EngineFailure {
  readonly index: number;
  readonly at: 'before' | 'after';
}

/** Forwards calls and makes some fail with CONNECTION_LOST. `calls` records them all. */
export function createFailingEngine(
  engine: AggregationEngine,
  failures: readonly EngineFailure[],
  calls: EngineCall[] = [],
): AggregationEngine {
  let count = 0;
  const around = async <Result>(call: EngineCall, run: () => Promise<Result> | Result): Promise<Result> => {
    const failure = failures.find(({ index }) => index === count);
    count += 1;
    calls.push(call);
    if (failure?.at === 'before') throw new PulsesError('CONNECTION_LOST');
    const result = await run();
    if (failure?.at === 'after') throw new PulsesError('CONNECTION_LOST');
    return result;
  };
  return {
    name: engine.name,
    supports: engine.supports,
    open: (source, fromOffset) => around('open', () => engine.open(source, fromOffset)),
    add: (delta) => around('add', () => engine.add(delta)),
    seal: (windowStartMs) => around('seal', () => engine.seal(windowStartMs)),
    sums: (windowStartMs, fromId, toId) => around('sums', () => engine.sums(windowStartMs, fromId, toId)),
    drop: (windowStartMs) => around('drop', () => engine.drop(windowStartMs)),
    close: () => engine.close(),
  };
}
