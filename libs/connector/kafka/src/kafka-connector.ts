// Kafka as the ingestor's source and sink: partitions are shared by a consumer group, commits are transactions.
//
// Guarantees: see KafkaSession. A session is opened on a partition that the group has given to this process. The partition's
// transactional id is taken over first, so every commit of earlier members is decided when the positions are read.

import type { Connector, OpenSessionOptions, Session } from '@pulses/connector-api';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import { failpoint } from '@pulses/shared-failpoints';
import type { Clock, Random } from '@pulses/shared-ports';
import type { JoinGroup, Membership } from './group/membership';
import { othersHoldAll } from './group/other-holders';
import type { Cluster } from './protocol/cluster';
import type { Compression } from './records/compression';
import { GroupPartitions } from './session/group-partitions';
import { KafkaSession } from './session/kafka-session';
import { checkOwner, transactionalIdOf } from './session/ownership-claim';
import { claimPartition, readStart } from './session/session-start';
import { incarnationOf } from './source/incarnation';
import type { ReadyTopics } from './topics/prepare-topics';
import { KafkaTransactionRequests } from './transaction/kafka-transaction-requests';
import { Transactions } from './transaction/transactions';
import { unlessAborted } from './protocol/unless-aborted';

export interface KafkaConnectorOptions {
  /** A cluster client of the connector's own, which it closes. Connects when it is first asked. */
  createCluster(): Cluster;
  readonly joinGroup: JoinGroup;
  /** Checks the source and the outputs, and makes them where that is asked for. @throws PulsesError */
  prepareTopics(cluster: Cluster, sourceTopic: string, signal: AbortSignal): Promise<ReadyTopics>;
  readonly clock: Clock;
  /** Of the membership's heartbeats. */
  readonly heartbeatClock: Clock;
  readonly random: Random;
  /** Names this process among the members. */
  readonly member: string;
  /** A member that stays silent for this long loses its partitions. */
  readonly sessionTimeoutMs: number;
  readonly compression: Compression;
  /** Source bytes of one fetch; a session holds two answers. */
  readonly fetchBytesMax?: number;
}

/** A group on a source. */
interface Work {
  readonly group: string;
  readonly sourceTopic: string;
}

interface Joined {
  readonly partitions: GroupPartitions;
  readonly membership: Membership;
  readonly topics: ReadyTopics;
}

const FETCH_BYTES_MAX = 512 * 1024;
const TRANSACTION_MS_MAX = 15_000;
/** Partitions that are opened at once: after a takeover each waits for those before it. */
const OPENING_MAX = 8;
/** Of the feature `transaction.version`: KIP-890. */
const TRANSACTION_LEVEL = 2;

export class KafkaConnector implements Connector {
  readonly name = 'kafka';
  readonly supports = { atomicCommit: true, standby: true, partitions: true };
  readonly #options: KafkaConnectorOptions;
  readonly #joined = new Map<string, Joined>();
  #cluster: Cluster | undefined;
  /** Calls of `openSession` under way, by key of their work. */
  readonly #waiting = new Map<string, number>();
  #isClosed = false;

  constructor(options: KafkaConnectorOptions) {
    this.#options = options;
  }

  async openSession(request: OpenSessionOptions): Promise<Session> {
    const key = keyOf(request);
    request.signal.throwIfAborted();
    this.#waiting.set(key, (this.#waiting.get(key) ?? 0) + 1);
    try {
      const joined = await this.#join(request);
      const { partitions, membership } = joined;
      const { onShare } = request;
      if (onShare !== undefined)
        partitions.tellShare((held) => {
          onShare({
            held,
            count: Math.max(joined.topics.source.partitions.length, ...[...held].map((each) => each + 1)),
          });
        });
      const onStandby = () => {
        // While members change the group may be silent for longer than a broker that works.
        request.onStandby(() => Promise.any([membership.ask(), this.#cluster!.topic(request.sourceTopic)])); // joined
      };
      for (;;) {
        const taken = await partitions.take(request.signal, onStandby);
        if (typeof taken !== 'number') return taken;
        for (const partition of partitions.takeFree(OPENING_MAX)) void this.#openAhead(joined, partition, request);
        const opened = await this.#openOrLeave(joined, taken, request);
        if (opened !== undefined) return opened;
      }
    } finally {
      this.#waiting.set(key, (this.#waiting.get(key) ?? 1) - 1);
      await this.#leaveIfIdle(key);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#joined.values()].map(({ partitions }) => partitions.close()));
    await this.#cluster?.close();
  }

  /** The membership that is there already, or a new one. */
  async #join(request: OpenSessionOptions): Promise<Joined> {
    const { sourceTopic, group, signal } = request;
    const key = keyOf(request);
    const known = this.#joined.get(key);
    if (known?.partitions.membership !== undefined) return known;
    this.#joined.delete(key);
    await known?.partitions.close();
    if (this.#isClosed) throw new PulsesError('CONNECTION_LOST', 'the connector was closed');
    const { createCluster, joinGroup, prepareTopics, heartbeatClock, random, member, sessionTimeoutMs } = this.#options;
    const cluster = (this.#cluster ??= createCluster());
    const topics = await prepareTopics(cluster, sourceTopic, signal);
    failpoint('session.after-connect');
    await unlessAborted(checkOwner(cluster, topics.source, group), signal);
    const partitionCount = topics.source.partitions.length;
    const partitions: GroupPartitions = new GroupPartitions(this.#options.clock, async () => {
      const memberId = partitions.membership?.identity().memberId ?? '';
      return await othersHoldAll(cluster, { group, topic: sourceTopic, partitionCount, memberId });
    });
    const membership = await joinGroup({
      cluster,
      clock: heartbeatClock,
      random,
      group,
      topic: sourceTopic,
      topicId: topics.source.topicId,
      partitionCount,
      member,
      sessionTimeoutMs,
      events: partitions.events,
      signal,
    });
    partitions.joined(membership);
    const joined = { partitions, membership, topics };
    this.#joined.set(key, joined);
    failpoint('session.after-join');
    return joined;
  }

  /** Undefined when the caller wants the partition left alone. @throws the failure else */
  async #openOrLeave(
    joined: Joined,
    partition: number,
    request: OpenSessionOptions,
  ): Promise<KafkaSession | undefined> {
    const { partitions } = joined;
    try {
      return await this.#open(joined, partition, request);
    } catch (error) {
      const isOver = request.signal.aborted || partitions.membership === undefined || !isPulsesError(error);
      const waitMs = isOver ? undefined : request.onFailure?.(partition, error);
      partitions.leaveAlone(partition, waitMs ?? 0);
      request.signal.throwIfAborted();
      if (waitMs === undefined) throw error;
      return undefined;
    }
  }

  /** Opens a session for a later call. Never rejects: a failure that stays shows in that call. */
  async #openAhead(joined: Joined, partition: number, request: OpenSessionOptions): Promise<void> {
    const session = await this.#openOrLeave(joined, partition, request).catch(() => undefined);
    if (session !== undefined) joined.partitions.offer(partition, session);
  }

  async #open(joined: Joined, partition: number, request: OpenSessionOptions): Promise<KafkaSession> {
    const { partitions, membership, topics } = joined;
    const { group, sourceTopic, signal } = request;
    const { clock, random, compression, fetchBytesMax = FETCH_BYTES_MAX } = this.#options;
    const cluster = this.#cluster!; // joined
    const incarnation = incarnationOf(topics.source.topicId, partition);
    const version = (await cluster.featureLevel('transaction.version')) >= TRANSACTION_LEVEL ? 2 : 1;
    const transactions = new Transactions(
      new KafkaTransactionRequests({
        cluster,
        clock,
        random,
        transactionalId: transactionalIdOf(sourceTopic, partition),
        version,
        membership,
        timeoutMs: TRANSACTION_MS_MAX,
        lane: `commit-${partition}`,
      }),
    );
    const partitionCount = Math.max(topics.source.partitions.length, partition + 1);
    await checkOwner(cluster, topics.source, group, partitionCount);
    signal.throwIfAborted();
    await transactions.start();
    // Again: the owner of now may have stored its claim just before it was fenced.
    const claimed = await checkOwner(cluster, topics.source, group, partitionCount);
    const place = { topic: topics.source, partition, incarnation, group };
    const start = await readStart(cluster, place, claimed.has(partition));
    failpoint('session.after-positions');
    signal.throwIfAborted();
    await claimPartition(cluster, place, start, transactions);
    const session = new KafkaSession({
      cluster,
      clock,
      random,
      group,
      topics,
      source: { topic: sourceTopic, incarnation, partition },
      compression,
      fetchBytesMax,
      startOffset: start.startOffset,
      stored: start.stored,
      transactions,
      onEnd: () => {
        partitions.release(partition);
      },
      onClosed: () => this.#leaveIfIdle(keyOf(request)),
    });
    signal.throwIfAborted();
    partitions.add(partition, session);
    return session;
  }

  /** Others may take over what this process no longer reads. */
  async #leaveIfIdle(key: string): Promise<void> {
    const joined = this.#joined.get(key);
    if (joined === undefined || joined.partitions.sessionCount > 0 || (this.#waiting.get(key) ?? 0) > 0) return;
    this.#joined.delete(key);
    failpoint('session.before-leave');
    await joined.partitions.close();
  }
}

function keyOf({ group, sourceTopic }: Work): string {
  return JSON.stringify([group, sourceTopic]);
}
