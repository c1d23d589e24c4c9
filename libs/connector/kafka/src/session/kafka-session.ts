// The time of one member as the active one of a source partition: reads it, commits outputs and positions.
//
// Guarantees: outputs, positions and the log's clock are one transaction. The first failure ends the session: its stream and
// its commits reject, an open transaction is aborted, and nothing is sent afterwards. A member that was replaced is fenced
// by the epoch of the partition's transactional id, and by the group's generation.

import type { OutputCommit, Position, Session, SourceIdentity, SourceStream } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import { failpoint } from '@pulses/shared-failpoints';
import type { Clock, Random } from '@pulses/shared-ports';
import { OutputTopics } from '../output/output-buffer';
import type { Cluster } from '../protocol/cluster';
import { asPulsesError } from '../protocol/errors';
import { listOffset } from '../protocol/offset-requests';
import type { Compression } from '../records/compression';
import { appendTick } from '../source/append-tick';
import { KafkaSourceStream } from '../source/kafka-source-stream';
import { PartitionReader } from '../source/partition-reader';
import { NO_CLOCK, SourceClock, type ClockState } from '../source/source-clock';
import { encodePosition, lowestOffset, type StoredPosition } from '../source/stored-position';
import { Ticker } from '../source/ticker';
import type { ReadyTopics } from '../topics/prepare-topics';
import type { Transactions } from '../transaction/transactions';
import { CommitQueue, type CommitGroup } from './commit-queue';

export interface KafkaSessionOptions {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly random: Random;
  readonly group: string;
  readonly topics: ReadyTopics;
  readonly source: SourceIdentity & { readonly partition: number };
  readonly compression: Compression;
  readonly fetchBytesMax: number;
  readonly startOffset: number;
  /** Undefined when nothing was stored before this session. */
  readonly stored: StoredPosition | undefined;
  /** Started. */
  readonly transactions: Transactions;
  /** Called once, when nothing of the session is under way any more. */
  onEnd(): void;
  /** Called by `close`, after `onEnd`. */
  onClosed(): Promise<void>;
}

export class KafkaSession implements Session {
  readonly source: SourceIdentity;
  readonly startOffset: number;
  readonly positions: ReadonlyMap<string, Position>;
  readonly #options: KafkaSessionOptions;
  readonly #commits: CommitQueue;
  /** As they are once the transaction under way is stored. */
  readonly #positions: Map<string, Position>;
  #sourceClock: SourceClock | undefined;
  #stream: SourceStream | undefined;
  #failure: PulsesError | undefined;
  #ended: Promise<void> | undefined;
  readonly #ending = new AbortController();

  constructor(options: KafkaSessionOptions) {
    const { source, startOffset, stored, topics } = options;
    this.#options = options;
    this.source = source;
    this.startOffset = startOffset;
    this.positions = stored?.positions ?? new Map();
    this.#positions = new Map(this.positions);
    const outputs = new OutputTopics(topics, source.partition);
    this.#commits = new CommitQueue(outputs, (group) => this.#store(group));
  }

  async sourceHead(): Promise<number> {
    this.#throwIfEnded();
    const { cluster, topics, source } = this.#options;
    const topic = topics.source;
    const ask = listOffset(topic.name, source.partition, 'committed end');
    return await cluster.toLeader(topic.name, source.partition, ask, { signal: this.#ending.signal });
  }

  read(fromOffset: number): SourceStream {
    const { cluster, clock, topics, source, fetchBytesMax } = this.#options;
    const [topic, { partition }] = [topics.source, source];
    const closing = new AbortController();
    const signal = AbortSignal.any([closing.signal, this.#ending.signal]);
    const sourceClock = new SourceClock(this.#clockState(), fromOffset);
    this.#sourceClock = sourceClock;
    const stream = new KafkaSourceStream({
      reader: new PartitionReader({ cluster, topic, partition, bytesMax: fetchBytesMax, fromOffset, signal }),
      clock: sourceClock,
      ticker: new Ticker({
        clock,
        append: () => appendTick(cluster, topic, partition, clock.nowMs(), signal),
        onFailure: (error) => {
          if (!signal.aborted) this.#fail(error);
        },
      }),
      fromOffset,
      onFailure: (error) => this.#fail(error),
      closedBy: () => this.#failure ?? new PulsesError('CONNECTION_LOST', 'the stream was closed'),
      onClose: () => {
        closing.abort(new PulsesError('CONNECTION_LOST', 'the stream was closed'));
      },
    });
    this.#stream = stream;
    return stream;
  }

  async commit(commit: OutputCommit): Promise<void> {
    this.#throwIfEnded();
    failpoint('commit.before-send');
    const stored = this.#commits.add(commit);
    failpoint('commit.after-send');
    await stored;
    failpoint('commit.after-answer');
  }

  async close(): Promise<void> {
    await this.end(new PulsesError('CONNECTION_LOST', 'the session was closed'));
    await this.#options.onClosed();
  }

  /** Ends the session for a reason; resolves once nothing of it is under way. */
  end(reason: PulsesError): Promise<void> {
    this.#failure ??= reason;
    return (this.#ended ??= this.#end(this.#failure));
  }

  async #end(reason: PulsesError): Promise<void> {
    this.#ending.abort(reason);
    this.#commits.fail(reason);
    this.#stream?.close();
    await this.#options.transactions.close();
    this.#options.onEnd();
  }

  /** One transaction. */
  async #store({ outputs, positions }: CommitGroup): Promise<void> {
    const { clock, topics, source, group, compression, transactions } = this.#options;
    const [topic, { partition, incarnation }] = [topics.source, source];
    this.#throwIfEnded();
    try {
      for (const [name, position] of positions) this.#positions.set(name, position);
      const all = this.#positions;
      const stored = encodePosition(incarnation, {
        positions: all,
        clock: this.#clockState() ?? NO_CLOCK,
      });
      const offsets = { group, offsets: [{ topic: topic.name, partition, ...stored }] };
      await transactions.run({
        batches: (number) => outputs.rounds(compression, clock.nowMs(), number),
        offsets: [offsets],
      });
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** What a position needs, so that the messages from it on get their times again. */
  #clockState(): ClockState | undefined {
    if (this.#sourceClock === undefined) return this.#options.stored?.clock;
    return this.#sourceClock.stateFor(this.#positions.size === 0 ? this.startOffset : lowestOffset(this.#positions));
  }

  /** Ends the session, and answers its first failure. */
  #fail(error: unknown): PulsesError {
    const failure = (this.#failure ??= asPulsesError(error));
    void this.end(failure);
    return failure;
  }

  #throwIfEnded(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}
