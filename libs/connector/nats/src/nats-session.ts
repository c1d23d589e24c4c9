// The time of one member as the active one of its group: reads the source, commits outputs and positions.
//
// Guarantees: the first failure of the connection, the lease or a commit ends the session and closes its connection.

import type { OutputCommit, Position, Session, SourceIdentity, SourceStream } from '@pulses/connector-api';
import type { JetStreamManager } from '@nats-io/jetstream';
import { withTimeout } from '@pulses/shared-async';
import { PulsesError } from '@pulses/shared-errors';
import { failpoint } from '@pulses/shared-failpoints';
import type { Clock, Timer } from '@pulses/shared-ports';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import { LogTime } from './log-time';
import {
  isStreamMissing,
  natsFailure,
  onConnectionEnd,
  SERVER_ERROR,
  serverFailure,
  type ServerError,
} from './nats-failure';
import { TICK_HEADER, type GroupSubjects } from './names';
import { NatsSourceStream } from './nats-source-stream';
import type { OutputLimits, OutputLog } from './output-log';
import { outputMessages } from './output-messages';
import { positionsOf } from './position-record';
import type { SourceClock } from './source-clock';
import { SourceReader } from './source/source-reader';
import { incarnationOf, startOffsetOf } from './streams';

const HEARTBEATS_PER_LEASE = 4;
const LEAVE_MS_MAX = 2_000;
const TICK_MS_MAX = 5_000;
/** Lines of the next window wait behind a commit of sums: it takes some 10 ms. */
const LIVE_SUMS_MAX = 2_048;
/** In a batch besides a message a tenant: the record, and the rest of tenants with more than a message takes. */
const OTHER_MESSAGES_MAX = 8;

export interface NatsSessionOptions {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly clock: Clock;
  readonly subjects: GroupSubjects;
  readonly limits: OutputLimits;
  readonly leaseMs: number;
  readonly source: SourceIdentity;
  readonly sourceStream: string;
  readonly startOffset: number;
  readonly log: OutputLog;
  readonly sourceClock: SourceClock;
  onClosed(): void;
}

export class NatsSession implements Session {
  readonly source: SourceIdentity;
  readonly startOffset: number;
  readonly positions: ReadonlyMap<string, Position>;
  readonly commitSize: { readonly liveSumsMax: number; readonly tenantsMax: number };
  readonly #options: NatsSessionOptions;
  readonly #time: LogTime;
  readonly #streams = new Set<NatsSourceStream>();
  #failure: PulsesError | undefined;
  #isClosed = false;
  #heartbeat: Timer | undefined;
  #fence: number;

  constructor(options: NatsSessionOptions) {
    const { source, startOffset, log, connection, limits } = options;
    this.#options = options;
    this.source = source;
    this.startOffset = startOffset;
    this.positions = positionsOf(log.record);
    this.commitSize = {
      liveSumsMax: LIVE_SUMS_MAX,
      tenantsMax: Math.max(1, limits.batchMessagesMax - OTHER_MESSAGES_MAX),
    };
    this.#time = new LogTime(log.record.clock);
    this.#fence = log.fence;
    onConnectionEnd(connection, (error) => {
      this.#fail(error);
    });
    this.#scheduleHeartbeat();
  }

  async sourceHead(): Promise<number> {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      const { last_seq: last } = await this.#sourceState();
      return last === 0 ? this.startOffset : last + 1;
    } catch (error) {
      throw this.#fail(error);
    }
  }

  read(fromOffset: number): SourceStream {
    const { connection, manager, clock, sourceStream: stream, sourceClock } = this.#options;
    const created: NatsSourceStream = new NatsSourceStream({
      clock,
      time: this.#time,
      sourceClock,
      fromOffset,
      createReader: (onChange) =>
        new SourceReader({ connection, manager, clock, stream, fromSequence: fromOffset, onChange }),
      tick: (offset) => this.#tick(offset),
      checkGap: (offset) => this.#checkGap(offset),
      failed: (error) => this.#readFailed(error),
    });
    this.#streams.add(created);
    if (this.#failure !== undefined) created.end(this.#failure);
    return created;
  }

  async commit(commit: OutputCommit): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const { log, subjects, limits, startOffset } = this.#options;
    try {
      failpoint('commit.before-send');
      const messages = outputMessages(commit, subjects.deadLetters, limits.bodyBytesMax);
      const positions = new Map([...positionsOf(log.record), ...commit.positions]);
      const lowest = Math.min(...[...positions.values()].map(({ offset }) => offset));
      const stored = log.commit(messages, commit.positions, this.#time.state(Math.max(lowest, startOffset)));
      failpoint('commit.after-send');
      await stored;
      failpoint('commit.after-answer');
    } catch (error) {
      throw this.#fail(error);
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { clock, log, onClosed } = this.#options;
    onClosed();
    this.#heartbeat?.cancel();
    failpoint('session.before-leave');
    // A server that hangs must not delay the end: others then wait for the lease.
    if (this.#failure === undefined)
      await withTimeout(
        log.renew({ member: '' }).catch(() => undefined),
        LEAVE_MS_MAX,
        clock,
      );
    this.#fail(new PulsesError('CONNECTION_LOST', 'the session was closed'));
  }

  #scheduleHeartbeat(): void {
    if (this.#failure !== undefined || this.#isClosed) return;
    const { clock, log, leaseMs } = this.#options;
    const beat = async () => {
      try {
        // A commit since the last beat was a sign of life, too.
        if (log.isIdle && log.fence === this.#fence) await log.renew();
        this.#fence = log.fence;
        this.#scheduleHeartbeat();
      } catch (error) {
        this.#fail(error);
      }
    };
    this.#heartbeat = clock.setTimer(leaseMs / HEARTBEATS_PER_LEASE, () => void beat(), { keepAlive: false });
  }

  /** @throws PulsesError TOPIC_UNKNOWN when the stream was deleted */
  async #sourceState() {
    const { manager, sourceStream } = this.#options;
    try {
      const info = await manager.streams.info(sourceStream);
      if (incarnationOf(info) === this.source.incarnation) return info.state;
    } catch (error) {
      if (!isStreamMissing(error)) throw natsFailure(error, `the state of ${sourceStream}`);
    }
    throw new PulsesError('TOPIC_UNKNOWN', `the stream ${sourceStream} of the source was deleted`);
  }

  /** Appends a tick; with `offset`, only if it is what the next message gets. */
  async #tick(offset?: number): Promise<boolean> {
    const what = `a tick on the stream ${this.#options.sourceStream}`;
    const own = headers();
    own.set(TICK_HEADER, '1');
    if (offset !== undefined) own.set('Nats-Expected-Last-Sequence', String(Math.max(0, offset - 1)));
    try {
      const answer = await this.#options.connection.request(this.source.topic, '', {
        headers: own,
        timeout: TICK_MS_MAX,
      });
      const { error } = JSON.parse(answer.string()) as { error?: ServerError };
      if (error === undefined) return true;
      if (error.err_code === SERVER_ERROR.wrongLastSequence || error.err_code === SERVER_ERROR.wrongLastSequenceUnnamed)
        return false;
      throw serverFailure(error, what);
    } catch (error) {
      throw natsFailure(error, what);
    }
  }

  async #checkGap(fromOffset: number): Promise<void> {
    const { first_seq: first } = await this.#sourceState();
    if (startOffsetOf(first) <= fromOffset) return;
    throw new PulsesError(
      'OFFSET_OUT_OF_RANGE',
      `the stream ${this.#options.sourceStream} has dropped messages from ${fromOffset} to ${first - 1}, which were not read yet: ` +
        'its limits are too low',
    );
  }

  /** A source that was deleted ends a reader in several ways: ask for the reason. */
  async #readFailed(error: unknown): Promise<PulsesError> {
    const failure = natsFailure(error, 'reading the source');
    if (this.#failure === undefined && failure.retriable && !this.#options.connection.isClosed()) {
      const reason = await this.#sourceState().then(
        () => failure,
        (other: unknown) => natsFailure(other, 'reading the source'),
      );
      return this.#fail(reason.code === 'TOPIC_UNKNOWN' ? reason : failure);
    }
    return this.#fail(failure);
  }

  /** Ends the session and answers its first failure. */
  #fail(error: unknown): PulsesError {
    this.#failure ??= natsFailure(error, 'the session');
    this.#heartbeat?.cancel();
    for (const stream of this.#streams) stream.end(this.#failure);
    this.#streams.clear();
    void this.#options.connection.close();
    return this.#failure;
  }
}
