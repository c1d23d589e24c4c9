// How the ingestor reads a source and writes its outputs, whatever system carries them.
//
// The pipeline speaks of logical streams: one source, and outputs that belong to a tenant (grouped, aggregated) or to
// the source (dead letters). An adapter maps them to its own layout of topics, subjects or keys.
//
// A source has one or more partitions. Each is a log of its own, with its own offsets, clock, windows and positions. A
// session is the time as the active member of one partition; a process may hold several sessions at once.
//
// Call order of a session: `openSession`, then `read` once and `next` again and again; `commit` at any time between;
// `close` last.
// Concurrency: one `openSession` at a time, also while other sessions are open. Within a session one `next` at a time;
// several `commit` may be under way.
// Units: times in milliseconds since the Unix epoch, sizes in bytes.
//
// What a failure (PulsesError) makes the caller do:
//   retriable (CONNECTION_LOST, TIMED_OUT, STORAGE_FULL, …)   close the session, open a new one, start from its positions
//   FENCED, POSITION_CONFLICT                                 the same: another member is active, or an uncertain commit was stored
//   TOPIC_UNKNOWN                                             the same: the source was deleted; the new one has another incarnation
//   anything else                                             stop
// The caller never repeats a commit. The positions of the next session show whether the last one was stored.

import type { PulsesError } from '@pulses/shared-errors';
import type { TenantColumns } from './tenant-columns';

/** What an adapter can do. The conformance suite skips a scenario only through this manifest. */
export interface ConnectorSupports {
  /**
   * Outputs and positions become visible in one step. Without it a crash can leave outputs without their position; the next
   * session writes them again with the same ids.
   */
  readonly atomicCommit: boolean;
  /** A second member stands by, takes over, and fences the first. */
  readonly standby: boolean;
  /** A source may have several partitions, which members share and which come and go. */
  readonly partitions: boolean;
}

/** Opens sessions on the sources of one message system. */
export interface Connector {
  readonly name: string;
  readonly supports: ConnectorSupports;
  /**
   * Waits until this process is the group's active member of a partition for which it holds no open session, and reads
   * the partition's stored positions. So further calls answer further partitions. A partition whose session has ended is
   * answered again while it belongs to this process. Creates the source if it does not exist. A process without a session
   * and without a call under way is no member: other members get its partitions.
   *
   * Calls `onStandby` once when other members hold every partition and this process holds none.
   * Does not retry: a lost connection rejects. Sessions that are open already are not affected. A partition that could not
   * be opened comes after the others in further calls, so that it holds up none of them.
   *
   * @throws PulsesError; CONFIG_INVALID when the outputs of the source belong to another group
   * @throws the signal's reason when it aborts
   */
  openSession(options: OpenSessionOptions): Promise<Session>;
  /** Closes every session. */
  close(): Promise<void>;
}

export interface OpenSessionOptions {
  readonly sourceTopic: string;
  readonly group: string;
  readonly signal: AbortSignal;
  /** @param ask asks the system for a sign of life: resolves with its answer */
  onStandby(ask: () => Promise<unknown>): void;
  /**
   * Which partitions belong to this process: told before the first one is answered, and at each change, also between calls.
   * Of several calls the newest is told. A system without partitions tells nothing.
   */
  onShare?(share: PartitionShare): void;
  /**
   * A partition that belongs to this process could not be opened.
   * @returns for how long to leave it alone, in milliseconds: the call continues with the other partitions. Undefined to
   * reject the call with the error.
   */
  onFailure?(partition: number, error: PulsesError): number | undefined;
}

/** What belongs to this process. */
export interface PartitionShare {
  readonly held: ReadonlySet<number>;
  /** Partitions of the source, as far as this process knows. */
  readonly count: number;
}

/** What the ids of outputs are derived from. */
export interface SourceIdentity {
  readonly topic: string;
  /**
   * 32 hex digits, of this partition alone: no two partitions share one. A topic that is deleted and created again gets
   * others.
   */
  readonly incarnation: string;
  /** Number of the partition, from 0; undefined for a system whose sources have none. Outputs name it. */
  readonly partition?: number;
}

/** A named position of the group on the source. */
export interface Position {
  /** Next source offset to read. */
  readonly offset: number;
  /** What the pipeline stored with it; at most 4 KiB. */
  readonly metadata: string;
}

/**
 * The time as the group's active member of a partition. It ends with `close`, or with the first rejection of any call;
 * every later call rejects, and so does the stream. A partition that goes to another member ends it with FENCED.
 */
export interface Session {
  readonly source: SourceIdentity;
  /** First source offset that is still kept. */
  readonly startOffset: number;
  /** As stored when this session became active. They include every commit of earlier members that was ever accepted. */
  readonly positions: ReadonlyMap<string, Position>;
  /**
   * What a commit of sums is best made of. A larger one is stored as well, and costs or delays others more.
   * `liveSumsMax` is for the head of the source, where lines wait behind it.
   */
  readonly commitSize?: { readonly liveSumsMax: number; readonly tenantsMax: number };
  /** The offset that the next message of the source gets. For metrics. */
  sourceHead(): Promise<number>;
  /** Reads the partition from an offset. One stream at a time; close it before the next one. */
  read(fromOffset: number): SourceStream;
  /**
   * Stores outputs and positions; resolves when both are durable. Commits take effect in the order of the calls. When one
   * fails, so do all after it. The caller must not change the bytes until the promise settles.
   */
  commit(commit: OutputCommit): Promise<void>;
  /** Gives up the membership at once, so that a standby takes over. Streams and commits under way reject. */
  close(): Promise<void>;
}

export interface SourceStream {
  /** The next event. One call at a time. Each call lets the adapter fetch further events within its read-ahead. */
  next(): Promise<SourceEvent>;
  /**
   * Asks for proof that the log has passed a time. Once it has, and everything stored was read, `next` answers a head with
   * `clockMs >= timeMs`, within 2 s, although nothing more is published. A later call replaces an earlier one. Without a
   * call an idle log need not advance its clock, and costs nothing.
   */
  provePast(timeMs: number): void;
  /** Ends the stream; a call under way rejects. The session stays open. */
  close(): void;
}

export type SourceEvent = SourceRecords | SourceHead;

/**
 * A run of messages with consecutive offsets and one log timestamp. Between two runs offsets may be missing: a log also
 * numbers what is no message (markers of transactions, ticks of its clock) or never became one. Message `i` is
 * `bytes[i === 0 ? start : ends[i - 1] + gap, ends[i])`, where `gap` counts the separator bytes between two messages.
 * Valid until the next call of `next`: the adapter may then reuse the memory.
 */
export interface SourceRecords {
  readonly kind: 'records';
  readonly baseOffset: number;
  readonly recordCount: number;
  /** When the log stored them; never earlier than in a previous event. */
  readonly timestampMs: number;
  readonly bytes: Uint8Array;
  readonly start: number;
  /** At least `recordCount` long. */
  readonly ends: Int32Array;
  readonly gap: number;
}

/**
 * Everything below `nextOffset` was read, and no later message has a timestamp before `clockMs`. `nextOffset` may be
 * beyond the last message: what is between is none.
 */
export interface SourceHead {
  readonly kind: 'head';
  readonly nextOffset: number;
  readonly clockMs: number;
}

export interface OutputCommit {
  readonly grouped: TenantColumns | undefined;
  readonly aggregated: TenantColumns | undefined;
  readonly deadLetters: { readonly recordCount: number; readonly payload: Uint8Array } | undefined;
  /** Never empty: no output is stored without a position. A position that is not named keeps its value. */
  readonly positions: ReadonlyMap<string, Position>;
}
