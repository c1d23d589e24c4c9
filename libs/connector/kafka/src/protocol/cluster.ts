// The brokers of a cluster, as the rest of the connector asks them.
//
// Guarantees: a request goes to the broker that answers for it now: a partition's leader, the coordinator of a group or of
// a transactional id, the controller, or any. It is sent again, within `retryMsMax`, when that broker has moved, answers
// that it can't yet, or is lost. It may then be done twice: callers send only requests that a repetition does not change,
// or give `retryMsMax: 0`.
// Bounds: one connection for each lane and broker; requests of a lane are answered in order.

import type { Connection } from '@platformatic/kafka';
import type { KafkaTopic } from './topic-metadata';

/**
 * Requests that may wait long have a lane of their own, since a broker answers those of one connection in order:
 * `control` for short requests, `group` for joins, `fetch-<n>` and `commit-<n>` for the long polls and transactions of
 * source partition n.
 */
export type Lane = 'control' | 'group' | `fetch-${number}` | `commit-${number}`;

/** One request on a connection, and its answer. Rejects with errors of @platformatic/kafka. */
export type Ask<Answer> = (connection: Connection) => Promise<Answer>;

export type CoordinatorKind = 'group' | 'transaction';

export interface RequestOptions {
  /** `control` by default. */
  readonly lane?: Lane;
  /** Ends the wait; the request may still be done. */
  readonly signal?: AbortSignal;
  /** 0: the first failure rejects. */
  readonly retryMsMax?: number;
  /** False: a lost connection rejects at once, for a caller who starts again then. What a broker refuses is still repeated. */
  readonly repeatsLost?: boolean;
}

/** Every call rejects with a PulsesError (see `asPulsesError`), or with the signal's reason. */
export interface Cluster {
  /** Asks any broker. */
  toAny<Answer>(ask: Ask<Answer>, options?: RequestOptions): Promise<Answer>;
  /** Asks every broker of the cluster; answers in no order. */
  toEvery<Answer>(ask: Ask<Answer>, options?: RequestOptions): Promise<readonly Answer[]>;
  /** Asks the controller: what creates topics. */
  toController<Answer>(ask: Ask<Answer>, options?: RequestOptions): Promise<Answer>;
  toLeader<Answer>(topic: string, partition: number, ask: Ask<Answer>, options?: RequestOptions): Promise<Answer>;
  /** Node id of a partition's leader, as remembered or, when `isAgain`, as it is now. */
  leader(topic: string, partition: number, isAgain: boolean): Promise<number>;
  /** `key`: the group's name, or the transactional id. */
  toCoordinator<Answer>(
    kind: CoordinatorKind,
    key: string,
    ask: Ask<Answer>,
    options?: RequestOptions,
  ): Promise<Answer>;
  /** What the cluster says of a topic now; undefined when there is none. Never creates one. */
  topic(name: string): Promise<KafkaTopic | undefined>;
  /** Level of a feature that the cluster has agreed on, such as `transaction.version`; 0 when it has none. */
  featureLevel(name: string): Promise<number>;
  /** Closes every connection; requests under way reject. */
  close(): Promise<void>;
}
