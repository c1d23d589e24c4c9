// Runs sessions: one after the other on a source without partitions, and one for each partition beside each other.
//
// After a failure that a new session can recover from, the next one follows. A partition that fails in another way is set
// aside and tried again less often. One partition's failure does not end the others, also when these fail themselves.
//
// Guarantees: a session starts from what the connector stored and from nothing else. So an uncertain commit is settled by
// reading the positions, never by an assumption. Two sessions of one partition never run at the same time.

import type { Session } from '@pulses/connector-api';
import { delay } from '@pulses/shared-async';
import { isPulsesError, type PulsesError } from '@pulses/shared-errors';
import { FailureLog } from './failure-log';
import { limitsOf, sessionLimits, type PipelineLimits, type PipelineOptions } from './options';
import { PartitionBoard } from './partitions/partition-board';
import { PartitionEngines } from './partitions/partition-engines';
import { Retries } from './retries';
import { isRecoverable } from './session-failure';
import { runSession } from './session-run';

/** The wait after a failure that no new session can recover from. */
const LASTING_FAILURE_MS = 30_000;
/** A first session that takes longer is told of. */
const WAITING_NOTE_MS = 2_000;

/**
 * Resolves after the signal has aborted and every session is closed.
 * @throws what no new session can recover from: on a source of several partitions only before the first session, and what is
 * no operating failure
 */
export async function runPipeline(options: PipelineOptions, signal: AbortSignal): Promise<void> {
  const pipeline = new Pipeline(options, signal);
  try {
    await (options.connector.supports.partitions ? pipeline.runPartitions() : pipeline.runInTurn());
  } finally {
    await pipeline.close();
  }
}

class Pipeline {
  readonly #options: PipelineOptions;
  readonly #limits: PipelineLimits;
  readonly #board: PartitionBoard;
  readonly #failures: FailureLog;
  readonly #engines: PartitionEngines;
  /** By partition: the run of its last session. */
  readonly #runs = new Map<number | undefined, Promise<void>>();
  readonly #retries = new Map<number | undefined, Retries>();
  /** By partition: the earliest time of its next session. */
  readonly #waits = new Map<number | undefined, number>();
  readonly #end = new AbortController();
  readonly #signal: AbortSignal;
  /** A session was opened. */
  #hasWorked = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(options: PipelineOptions, signal: AbortSignal) {
    this.#options = options;
    this.#limits = limitsOf(options.limits);
    const { observer, clock, connector } = options;
    this.#board = new PartitionBoard(observer, clock, connector.supports.partitions);
    this.#failures = new FailureLog(options);
    this.#engines = new PartitionEngines(() => options.createEngine());
    this.#signal = AbortSignal.any([signal, this.#end.signal]);
  }

  async close(): Promise<void> {
    this.#failures.flush();
    await this.#engines.close();
  }

  async runInTurn(): Promise<void> {
    const { clock } = this.#options;
    const retries = new Retries(this.#options);
    while (!this.#signal.aborted) {
      const startMs = clock.monotonicMs();
      let kind: 'not opened' | 'session ended' = 'not opened';
      try {
        const session = await this.#open();
        kind = 'session ended';
        await this.#run(session, retries);
      } catch (error) {
        if (this.#signal.aborted) return;
        if (!isRecoverable(error)) throw error;
        const retry = retries.failed(startMs);
        this.#failures.note({ kind, partition: undefined, error, ...retry });
        await this.#pause(retry.delayMs);
      }
    }
  }

  async runPartitions(): Promise<void> {
    const { clock } = this.#options;
    const retries = new Retries(this.#options);
    try {
      while (!this.#signal.aborted) {
        const startMs = clock.monotonicMs();
        try {
          const session = await this.#open();
          retries.active();
          retries.stored();
          this.#start(session);
        } catch (error) {
          if (this.#signal.aborted) break;
          if (!isRecoverable(error)) throw error;
          const retry = retries.failed(startMs);
          this.#failures.note({ kind: 'not opened', partition: undefined, error, ...retry });
          await this.#pause(retry.delayMs);
        }
      }
    } finally {
      this.#end.abort(new Error('the pipeline ends'));
      await Promise.all(this.#runs.values());
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #open(): Promise<Session> {
    const { connector, sourceTopic, group, clock, logger } = this.#options;
    let hasStoodBy = false;
    let session: Session;
    // A start that takes long should not look as if nothing happened.
    const waiting = this.#hasWorked
      ? undefined
      : clock.setTimer(WAITING_NOTE_MS, () => {
          if (!hasStoodBy) logger.info({ group, sourceTopic }, 'waiting for the message system');
        });
    try {
      session = await connector.openSession({
        sourceTopic,
        group,
        signal: this.#signal,
        onStandby: (ask) => {
          hasStoodBy = true;
          this.#board.idle({ kind: 'standby', ask });
          logger.info({ group, sourceTopic }, 'standing by: another member is active');
        },
        onShare: (share) => {
          this.#board.shared(share);
        },
        onFailure: (partition, error) => {
          // Until something has worked the settings may be wrong.
          if (!this.#hasWorked || this.#signal.aborted) return undefined;
          return this.#setBack(partition, error, 'not opened', clock.monotonicMs());
        },
      });
      this.#hasWorked = true;
    } catch (error) {
      if (!this.#signal.aborted) this.#board.idle({ kind: 'connecting', reason: String((error as Error).message) });
      throw error;
    } finally {
      waiting?.cancel();
    }
    // Active once the engine is open, too.
    if (hasStoodBy) this.#board.idle({ kind: 'connecting', reason: 'the engine has not answered yet' });
    logger.info({ group, ...session.source, positions: Object.fromEntries(session.positions) }, 'session active');
    return session;
  }

  /** Runs a session of a partition beside the others. */
  #start(session: Session): void {
    const { partition } = session.source;
    const before = this.#runs.get(partition);
    const run = (async () => {
      await before;
      await this.#runPartition(session, partition);
    })().catch((error: unknown) => {
      this.#failure ??= { error };
      this.#end.abort(error);
    });
    this.#runs.set(partition, run);
  }

  /** @throws what ends the pipeline */
  async #runPartition(session: Session, partition: number | undefined): Promise<void> {
    const { clock, logger } = this.#options;
    const retries = this.#retriesOf(partition);
    const waitMs = (this.#waits.get(partition) ?? 0) - clock.monotonicMs();
    if (waitMs > 0) await this.#pause(waitMs);
    const startMs = clock.monotonicMs();
    try {
      await this.#run(session, retries);
    } catch (error) {
      if (this.#signal.aborted) return;
      if (isPulsesError(error, 'FENCED')) {
        logger.info({ partition }, 'the partition went to another member');
        await this.#engines.release(partition).catch(() => undefined);
      } else {
        // What is no operating failure may be wrong everywhere.
        if (!isPulsesError(error)) throw error;
        const waitMs = this.#setBack(partition, error, 'session ended', startMs);
        this.#waits.set(partition, clock.monotonicMs() + waitMs);
      }
    }
  }

  /** A partition's failure, of an attempt that began at `startMs`; answers the time to wait. */
  #setBack(
    partition: number | undefined,
    error: PulsesError,
    kind: 'not opened' | 'session ended',
    startMs: number,
  ): number {
    const { attempt, delayMs } = this.#retriesOf(partition).failed(startMs);
    const { message: reason } = error;
    if (isRecoverable(error)) {
      this.#board.troubled(partition, { state: 'connecting', reason });
      this.#failures.note({ kind, partition, error, attempt, delayMs });
      return delayMs;
    }
    this.#board.troubled(partition, { state: 'set_aside', reason });
    this.#failures.note({ kind: 'set aside', partition, error, attempt, delayMs: LASTING_FAILURE_MS });
    return LASTING_FAILURE_MS;
  }

  /** Runs a session to its end, and closes it. */
  async #run(session: Session, retries: Retries): Promise<void> {
    const { partition } = session.source;
    retries.active();
    let reason = 'its partitions went to other members';
    try {
      await runSession(session, {
        ...this.#options,
        engine: this.#engines.of(partition),
        limits: sessionLimits(this.#limits, session),
        signal: this.#signal,
        isShared: () => this.#board.size > 1,
        activate: () =>
          this.#board.active(session, () => {
            retries.stored();
          }),
      });
    } catch (error) {
      if (!isPulsesError(error, 'FENCED') || partition === undefined) reason = String((error as Error).message);
      throw error;
    } finally {
      await session.close();
      this.#board.ended(session, this.#signal.aborted ? undefined : { kind: 'connecting', reason });
    }
  }

  #retriesOf(partition: number | undefined): Retries {
    const retries = this.#retries.get(partition) ?? new Retries(this.#options);
    this.#retries.set(partition, retries);
    return retries;
  }

  async #pause(delayMs: number): Promise<void> {
    await delay(delayMs, this.#options.clock, this.#signal).catch(() => undefined);
  }
}
