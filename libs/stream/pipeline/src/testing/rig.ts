// A pipeline that runs against a simulated log, on a clock that the test advances.

import type { AggregationEngine } from '@pulses/aggregation-api';
import { createReferenceEngine } from '@pulses/testing-aggregation-conformance';
import { createSimClock, createSimRandom, type SimClock } from '@pulses/testing-sim';
import { LiveWindows } from '../windows/live-window';
import type { PartitionsView, PipelineLimits, PipelineState } from '../options';
import { runPipeline } from '../run-pipeline';
import type { SimLog } from './sim-log';

export const WINDOW_MS = 5_000;
/** Steps of the clock after which a run without progress fails. */
const STEPS_MAX = 500;
const STEP_MS = 200;

export interface RigOptions {
  /** The source, or what holds its partitions. */
  readonly log: Pick<SimLog, 'connector' | 'sourceTopic' | 'positions' | 'end'>;
  readonly engine?: AggregationEngine;
  /** In place of `engine`, for a source of several partitions. */
  readonly createEngine?: () => AggregationEngine;
  readonly limits?: Partial<PipelineLimits>;
  readonly windowMs?: number;
  readonly seed?: number;
}

/** Fields of a log line about failed sessions. */
export interface RigLine {
  readonly code: string;
  readonly delayMs: number;
  readonly partitions?: readonly number[];
}

export interface Rig {
  readonly live: LiveWindows;
  readonly clock: SimClock;
  readonly counts: { grouped: number; aggregated: number; readUpTo: number; openKeys: number };
  readonly deadLetters: string[];
  readonly states: PipelineState[];
  /** As they are now. */
  readonly partitions: PartitionsView;
  readonly warnings: RigLine[];
  readonly errors: RigLine[];
  /** Settles as `runPipeline` does. */
  readonly finished: Promise<void>;
  /** Lets the pipeline run until the condition holds. @throws when it never does, or what the pipeline rejects with */
  until(condition: () => boolean): Promise<void>;
  /** Until every message has its outputs and every window is closed. */
  untilDone(): Promise<void>;
  /** Lets the pipeline do what it can without anything new. */
  idle(): Promise<void>;
  stop(): Promise<void>;
}

export function startRig({
  log,
  engine = createReferenceEngine(),
  createEngine = () => engine,
  limits = {},
  windowMs = WINDOW_MS,
  seed = 1,
}: RigOptions): Rig {
  const clock = createSimClock();
  const live = new LiveWindows();
  const abort = new AbortController();
  const counts = { grouped: 0, aggregated: 0, readUpTo: 0, openKeys: 0 };
  const deadLetters: string[] = [];
  const states: PipelineState[] = [];
  const warnings: RigLine[] = [];
  const errors: RigLine[] = [];
  let partitions: PartitionsView = { own: [], elsewhere: 0 };
  const silent = () => undefined;
  let ended: { readonly error?: unknown } | undefined;

  const finished = runPipeline(
    {
      connector: log.connector,
      createEngine,
      sourceTopic: log.sourceTopic,
      group: 'ingestor',
      windowMs,
      live,
      clock,
      random: createSimRandom(seed),
      logger: {
        debug: silent,
        info: silent,
        warn: (fields) => warnings.push(fields as RigLine),
        error: (fields) => errors.push(fields as RigLine),
        fatal: silent,
      },
      observer: {
        grouped: (count) => (counts.grouped += count),
        aggregated: (count) => (counts.aggregated += count),
        deadLettered: (reason) => deadLetters.push(reason),
        committed: silent,
        openKeys: (count) => (counts.openKeys = count),
        readUpTo: (offset) => (counts.readUpTo = offset),
        atHead: silent,
        state: (state) => states.push(state),
        partitions: (view) => {
          partitions = view;
        },
      },
      limits,
    },
    abort.signal,
  );
  finished.then(
    () => {
      ended = {};
    },
    (error: unknown) => {
      ended = { error };
    },
  );

  const until = async (condition: () => boolean): Promise<void> => {
    for (let step = 0; step < STEPS_MAX; step += 1) {
      if (condition()) return;
      if (ended !== undefined) await finished;
      await clock.advance(STEP_MS);
    }
    throw new Error(`the pipeline made no progress; positions: ${JSON.stringify([...log.positions])}`);
  };

  return {
    live,
    clock,
    counts,
    deadLetters,
    states,
    get partitions() {
      return partitions;
    },
    warnings,
    errors,
    finished,
    until,
    untilDone: () =>
      until(() => {
        const { end } = log;
        const windowed = log.positions.get('windowed');
        return log.positions.get('grouped')?.offset === end && windowed?.offset === end && windowed.metadata === '';
      }),
    idle: () => clock.advance(STEP_MS),
    async stop() {
      abort.abort(new Error('the test is over'));
      await finished;
    },
  };
}

/** The line of a pulse; the amount as a string, so that JSON.parse reads it exactly. */
export function line(tenant: string, sku: string, amount: string | number, unit = 'GB'): string {
  return JSON.stringify({ tenant_id: tenant, product_sku: sku, used_ammount: String(amount), use_unity: unit });
}
