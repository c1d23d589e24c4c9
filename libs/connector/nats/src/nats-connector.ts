// NATS JetStream as the ingestor's source and sink.
//
// Guarantees: a commit is stored whole or not at all, and decided by one message. A session has a connection of its own and
// ends with the first failure of its connection, its lease or a commit. What a fenced member sends is refused.

import { jetstreamManager, type StreamInfo } from '@nats-io/jetstream';
import type { Connector, OpenSessionOptions, Session } from '@pulses/connector-api';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import { failpoint } from '@pulses/shared-failpoints';
import type { Clock } from '@pulses/shared-ports';
import type { NatsConnection } from '@nats-io/transport-node';
import { becomeActive } from './membership';
import { natsFailure } from './nats-failure';
import { checkSource, groupSubjects } from './names';
import { NatsSession } from './nats-session';
import { checkTicks, readLimits } from './server-limits';
import { SourceClock } from './source-clock';
import { incarnationOf, provideOutputs, provideSource, startOffsetOf } from './streams';

export interface NatsConnectorOptions {
  /** Opens a connection; one for each session. */
  connect(): Promise<NatsConnection>;
  readonly clock: Clock;
  /** Names this process among the members. */
  readonly member: string;
  /** A member that stays silent for this long loses its place. */
  readonly leaseMs?: number;
  /** For errors: the servers, and the setting of the credentials. */
  readonly serversText?: string;
  readonly credentialsFlag?: string;
  /** Called once, with the first connection. */
  onFirstConnection?(): void;
  /** Tells an operator what no error is. */
  warn?(line: string): void;
}

const LEASE_MS = 5_000;
/** A server that is not reached by then is taken for a wrong address. */
const START_MS_MAX = 10_000;
const REQUEST_MS_MAX = 5_000;

export class NatsConnector implements Connector {
  readonly name = 'nats';
  readonly supports = { atomicCommit: true, standby: true, partitions: false };
  readonly #options: NatsConnectorOptions;
  readonly #sessions = new Set<Session>();
  readonly #createdMs: number;
  #hasConnected = false;
  #hasWorked = false;
  /** The source, and when its output stream was made. With another source a new output stream is right. */
  #known: { readonly incarnation: string; readonly outputsMade: string } | undefined;

  constructor(options: NatsConnectorOptions) {
    this.#options = options;
    this.#createdMs = options.clock.monotonicMs();
  }

  async openSession(request: OpenSessionOptions): Promise<Session> {
    const { signal } = request;
    signal.throwIfAborted();
    checkSource(request.sourceTopic);
    try {
      const connection = await this.#connect(signal);
      if (!this.#hasConnected) this.#options.onFirstConnection?.();
      this.#hasConnected = true;
      const abort = () => void connection.close();
      signal.addEventListener('abort', abort, { once: true });
      try {
        const session = await this.#becomeActive(connection, request);
        this.#hasWorked = true;
        return session;
      } catch (error) {
        void connection.close();
        signal.throwIfAborted();
        throw natsFailure(error, 'the start of a session');
      } finally {
        signal.removeEventListener('abort', abort);
      }
    } catch (error) {
      signal.throwIfAborted();
      throw this.#asStartError(error);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#sessions].map((session) => session.close()));
  }

  /** @throws the signal's reason when it aborts; a connection that comes later is closed */
  async #connect(signal: AbortSignal): Promise<NatsConnection> {
    const connecting = this.#options.connect().catch((error: unknown) => {
      // A file that is being replaced must not end an ingestor that works.
      if (!this.#hasWorked || !isPulsesError(error, 'CONFIG_INVALID')) throw error;
      throw new PulsesError('ACCESS_REFUSED', error.message, { cause: error });
    });
    return await new Promise<NatsConnection>((resolve, reject) => {
      const abort = () => {
        reject(signal.reason as Error);
        connecting.then(
          (connection) => void connection.close(),
          () => undefined,
        );
      };
      signal.addEventListener('abort', abort, { once: true });
      connecting.then(resolve, reject).finally(() => {
        signal.removeEventListener('abort', abort);
      });
    });
  }

  async #becomeActive(
    connection: NatsConnection,
    { sourceTopic, group, signal, onStandby }: OpenSessionOptions,
  ): Promise<Session> {
    const { clock, member, leaseMs = LEASE_MS } = this.#options;
    failpoint('session.after-connect');
    const manager = await jetstreamManager(connection, { timeout: REQUEST_MS_MAX });
    const subjects = groupSubjects(group, sourceTopic);
    const source = await named(provideSource(manager, sourceTopic), `the stream of ${sourceTopic}`);
    const incarnation = incarnationOf(source);
    const known = this.#known?.incarnation === incarnation ? this.#known.outputsMade : undefined;
    const { config, created } = await named(
      provideOutputs(manager, subjects, group, known),
      `the stream ${subjects.stream}`,
    );
    this.#known = { incarnation, outputsMade: created };
    const limits = await readLimits(connection, subjects, config);
    await checkTicks(connection, sourceTopic);
    const startOffset = startOffsetOf(source.state.first_seq);
    const joining = becomeActive({
      connection,
      manager,
      clock,
      subjects,
      limits,
      member,
      leaseMs,
      signal,
      fresh: {
        source: { stream: source.config.name, incarnation },
        positions: {},
        clock: { offset: startOffset, ms: 0, held: [] },
      },
      onStandby,
      onOtherSource: () =>
        this.#options.warn?.(
          `NATS: the stream ${source.config.name} was made again: the positions on the former one do not count`,
        ),
    });
    const log = await named(joining, `the position in the stream ${subjects.stream}`);
    failpoint('session.after-join');
    const sourceClock = new SourceClock(clock);
    const written = await manager.streams.getMessage(subjects.stream, { seq: log.fence });
    if (written !== null) sourceClock.saw(written.time.getTime());
    // The source may have grown while this member stood by.
    checkPositions(await manager.streams.info(source.config.name), log.record.positions);
    failpoint('session.after-positions');
    const session: Session = new NatsSession({
      connection,
      manager,
      clock,
      subjects,
      limits,
      leaseMs,
      source: { topic: sourceTopic, incarnation },
      sourceStream: source.config.name,
      startOffset,
      log,
      sourceClock,
      onClosed: () => this.#sessions.delete(session),
    });
    this.#sessions.add(session);
    return session;
  }

  /** Before the first session, what only a change outside mends is an error of the settings. */
  #asStartError(error: unknown): unknown {
    if (this.#hasWorked || !isPulsesError(error)) return error;
    const { credentialsFlag = 'nats-creds-file', serversText = '', clock } = this.#options;
    if (error.code === 'ACCESS_REFUSED') {
      const message = error.message.startsWith('--') ? error.message : `--${credentialsFlag}: ${error.message}`;
      return new PulsesError('CONFIG_INVALID', message, { cause: error });
    }
    if (error.code === 'LOG_UNSUITABLE') return new PulsesError('CONFIG_INVALID', error.message, { cause: error });
    // A server that starts together with the ingestor is waited for.
    if (!UNREACHABLE.has(error.code) || clock.monotonicMs() - this.#createdMs < START_MS_MAX) return error;
    return new PulsesError(
      'CONFIG_INVALID',
      `--nats-url: '${serversText}' is not valid: allowed: servers that answer within ${START_MS_MAX / 1000} s (${error.message})`,
      {
        cause: error,
      },
    );
  }
}

/** @param what the server is asked for, for errors */
async function named<Answer>(asked: Promise<Answer>, what: string): Promise<Answer> {
  try {
    return await asked;
  } catch (error) {
    throw natsFailure(error, what);
  }
}

const UNREACHABLE: ReadonlySet<string> = new Set(['CONNECTION_LOST', 'TIMED_OUT']);

/** @throws PulsesError OFFSET_OUT_OF_RANGE when the source has dropped what the group has not read */
function checkPositions(
  { config: { name }, state: { first_seq: first, last_seq: last } }: StreamInfo,
  positions: Readonly<Record<string, { offset: number }>>,
): void {
  for (const [position, { offset }] of Object.entries(positions))
    if (offset < Math.min(startOffsetOf(first), last + 1) || offset > last + 1)
      throw new PulsesError(
        'OFFSET_OUT_OF_RANGE',
        `the position ${position} is at ${offset}: the stream ${name} holds the messages ${first} to ${last}`,
      );
}
