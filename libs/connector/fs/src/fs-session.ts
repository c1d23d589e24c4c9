// The time of one member as the active one of its group: reads the source, commits outputs and positions.
//
// Guarantees: the first failure of the connection, the lease or a commit ends the session and closes its connection, so
// nothing sent later can count.

import type { BrokerClient } from '@pulses/broker-client';
import type { StoredPosition } from '@pulses/broker-wire';
import type { OutputCommit, Position, Session, SourceIdentity, SourceStream } from '@pulses/connector-api';
import { withTimeout } from '@pulses/shared-async';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import { failpoint } from '@pulses/shared-failpoints';
import type { Clock, Timer } from '@pulses/shared-ports';
import { FsSourceStream } from './fs-source-stream';
import { OutputTopics } from './output-topics';

const HEARTBEATS_PER_LEASE = 4;
/** Time for a broker to confirm that a member leaves. */
const LEAVE_MS_MAX = 2_000;

export interface FsSessionOptions {
  readonly client: BrokerClient;
  readonly clock: Clock;
  readonly leaseMs: number;
  readonly prefetchBytes: number;
  readonly group: string;
  readonly groupEpoch: number;
  readonly source: SourceIdentity;
  readonly startOffset: number;
  /** The group's positions on the source. */
  readonly stored: readonly StoredPosition[];
  onClosed(): void;
}

export class FsSession implements Session {
  readonly source: SourceIdentity;
  readonly startOffset: number;
  readonly positions: ReadonlyMap<string, Position>;
  readonly #options: FsSessionOptions;
  readonly #outputs: OutputTopics;
  /** As they will be once every pending commit is stored. */
  readonly #revisions: Map<string, number>;
  #failure: PulsesError | undefined;
  #isClosed = false;
  #heartbeat: Timer | undefined;

  constructor(options: FsSessionOptions) {
    const { source, startOffset, stored } = options;
    this.#options = options;
    this.#outputs = new OutputTopics(source.topic);
    this.source = source;
    this.startOffset = startOffset;
    this.positions = new Map(stored.map(({ name, offset, metadata }) => [name, { offset, metadata }]));
    this.#revisions = new Map(stored.map(({ name, revision }) => [name, revision]));
    this.#scheduleHeartbeat();
  }

  async sourceHead(): Promise<number> {
    const topic = await this.#options.client.topic(this.source.topic);
    if (topic === undefined) throw new PulsesError('TOPIC_UNKNOWN', `the topic '${this.source.topic}' was deleted`);
    return topic.nextOffset;
  }

  read(fromOffset: number): SourceStream {
    const { client, prefetchBytes } = this.#options;
    const stream = client.fetch(this.source.topic, this.source.incarnation, fromOffset, prefetchBytes);
    return new FsSourceStream(stream, fromOffset);
  }

  async commit(commit: OutputCommit): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const { client, group, groupEpoch } = this.#options;
    const positions = [...commit.positions].map(([name, { offset, metadata }]) => {
      const expectedRevision = this.#revisions.get(name) ?? 0;
      // Commits take effect in order or not at all, so the next one can already name the revision of this one.
      this.#revisions.set(name, expectedRevision + 1);
      return { name, expectedRevision, offset, metadata };
    });
    try {
      failpoint('commit.before-send');
      const { columns, learn } = this.#outputs.columnsOf(commit);
      const answered = client.commit({ group, groupEpoch, ...this.source, positions, ...columns });
      failpoint('commit.after-send');
      learn((await answered).newTopicIds);
      failpoint('commit.after-answer');
    } catch (error) {
      throw this.#fail(error);
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { client, clock, group, groupEpoch, onClosed } = this.#options;
    onClosed();
    this.#heartbeat?.cancel();
    failpoint('session.before-leave');
    // A broker that hangs must not delay the end: to it, the closed connection says the same.
    if (this.#failure === undefined)
      await withTimeout(
        client.leaveGroup(group, groupEpoch).catch(() => undefined),
        LEAVE_MS_MAX,
        clock,
      );
    this.#fail(new PulsesError('CONNECTION_LOST', 'the session was closed'));
  }

  #scheduleHeartbeat(): void {
    if (this.#failure !== undefined || this.#isClosed) return;
    const { client, clock, leaseMs, group, groupEpoch } = this.#options;
    const beat = () => {
      client.heartbeat(group, groupEpoch).then(
        () => {
          this.#scheduleHeartbeat();
        },
        (error: unknown) => {
          this.#fail(error);
        },
      );
    };
    this.#heartbeat = clock.setTimer(leaseMs / HEARTBEATS_PER_LEASE, beat, { keepAlive: false });
  }

  /** Ends the session and answers its first failure. */
  #fail(error: unknown): PulsesError {
    this.#failure ??= isPulsesError(error)
      ? error
      : new PulsesError('CONNECTION_LOST', String(error), { cause: error });
    this.#heartbeat?.cancel();
    this.#options.client.close();
    return this.#failure;
  }
}
