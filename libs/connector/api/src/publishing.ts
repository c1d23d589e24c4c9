// How tools publish: lines for one topic, each stored once.

import type { PulsesError } from '@pulses/shared-errors';
import type { GroupPosition } from './groups';
import type { Partition } from './stored-batches';

/**
 * The key of a message, `bytes[start, end)`: messages of one key are in one partition, in order. The answer may be valid
 * only until the next call. Undefined for a message that has none.
 */
export type KeyOf = (bytes: Uint8Array, start: number, end: number) => Uint8Array | undefined;

export interface LineProducerOptions {
  readonly topic: string;
  /** Called for each message on systems with keys. */
  readonly keyOf: KeyOf;
  /** Tries again also when the first connection fails. Otherwise it is made before `openProducer` answers. */
  readonly isPatient: boolean;
  /** Called before each wait for another attempt; `attempt` counts them from 1 since the last success. */
  onRetry?(error: PulsesError, attempt: number, delayMs: number): void;
}

/**
 * Publishes messages to one topic, each stored exactly once, in the order of the calls for each key. A lost connection is
 * opened again without end. Bounds: the caller awaits `ready` between two calls of `send`.
 */
export interface LineProducer {
  /**
   * Queues messages, each followed by a line feed. Settles when they are stored; the payload must not change until then.
   * @throws PulsesError that is not retriable (then every send rejects with it), or CONNECTION_LOST after `close`
   */
  send(payload: Uint8Array, recordCount: number): Promise<void>;
  /** Resolves once there is room for another call of `send`. */
  ready(): Promise<void>;
  /** Whether `close` has something to wait for: a connection, or the answer to what may be stored. */
  readonly isUnderWay: boolean;
  /** Waits until everything sent is stored, then ends. */
  close(): Promise<void>;
  /** Drops what is not stored and ends at once. */
  abort(): void;
}

export interface MarkedPublisherOptions {
  /** As `groupOf` answers it. */
  readonly group: string;
  /** The partition on which the positions stand. */
  readonly marked: Partition;
  /** Topic of the messages. */
  readonly topic: string;
  readonly keyOf: KeyOf;
}

/** A change of one position: refused with POSITION_CONFLICT unless its revision is `expectedRevision`. */
export interface MarkChange {
  readonly name: string;
  /** 0: the position must not exist yet. A system that does not count revisions fences earlier publishers instead. */
  readonly expectedRevision: number;
  readonly offset: number;
  readonly metadata: string;
}

/** The time as the one process that publishes for a group, with positions that tell what it has published. */
export interface MarkedPublisher {
  /** As they are stored once this is the only process. */
  readonly positions: readonly GroupPosition[];
  /**
   * Stores messages, each followed by a line feed, and the changes in one step; either may be none.
   * @throws PulsesError FENCED when another process has taken over
   */
  publish(payload: Uint8Array, recordCount: number, changes: readonly MarkChange[]): Promise<void>;
  close(): Promise<void>;
}
