// How the ingestor reads a source and writes its outputs, whatever system carries them.
//
// The pipeline speaks of logical streams: one source, and outputs that belong to a tenant (grouped, aggregated) or to
// the source (dead letters). An adapter maps them to its own layout of topics, subjects or keys.
//
// What a caller does with a failure (PulsesError):
//   retriable (CONNECTION_LOST, TIMED_OUT, STORAGE_FULL, …)   close the session, open a new one, start again from its positions
//   FENCED, POSITION_CONFLICT                                 the same: another member may be active, or an uncertain commit was stored
//   TOPIC_UNKNOWN                                             the source was deleted: the same; the new session has another incarnation
//   anything else                                             stop
// In no case does a caller repeat a commit: a new session's positions tell whether the last one was stored.

/** What an adapter can do; the conformance suite skips a scenario only through this manifest. */
export interface ConnectorSupports {
  /** Outputs and positions become visible in one step. Else a crash can leave outputs that a repeat writes again with the same ids. */
  readonly atomicCommit: boolean;
  /** A second member stands by, takes over, and fences the first. */
  readonly standby: boolean;
}

export interface Connector {
  readonly name: string;
  readonly supports: ConnectorSupports;
  /**
   * Becomes the group's active member on the source and reads the stored positions. Makes the source when it does not
   * exist. Waits as a standby for as long as another member is active, calling `onStandby` once when the wait begins.
   * Called once at a time; not retried inside: a lost connection rejects.
   *
   * @throws PulsesError, and the signal's reason when it aborts
   */
  openSession(options: OpenSessionOptions): Promise<Session>;
  /** Ends every session. */
  close(): Promise<void>;
}

export interface OpenSessionOptions {
  readonly sourceTopic: string;
  readonly group: string;
  readonly signal: AbortSignal;
  onStandby(): void;
}

/** What the outputs' ids are bound to. */
export interface SourceIdentity {
  readonly topic: string;
  /** 32 hex digits; another one each time the topic is made. */
  readonly incarnation: string;
}

/** A named position of the group on the source. */
export interface Position {
  /** Next source offset to read. */
  readonly offset: number;
  /** What the pipeline stored with it; at most 4 KiB. */
  readonly metadata: string;
}

/** The time as the group's one active member. Ends with `close`, or with the first rejection of any of its calls. */
export interface Session {
  readonly source: SourceIdentity;
  /** First source offset that is still kept. */
  readonly startOffset: number;
  /** As stored when this session became active; includes every commit of earlier members that was ever accepted. */
  readonly positions: ReadonlyMap<string, Position>;
  /** The offset that the source's next message gets, as of now; for metrics. */
  sourceHead(): Promise<number>;
  /** Reads the source from an offset. One stream at a time. */
  read(fromOffset: number): SourceStream;
  /**
   * Stores outputs and positions. Commits take effect in the order of the calls; several may be under way, and when
   * one fails so do all after it. The bytes given must not change until the promise settles.
   */
  commit(commit: OutputCommit): Promise<void>;
  /** Gives up the membership at once; a standby takes over. Streams and commits under way reject. */
  close(): Promise<void>;
}

export interface SourceStream {
  /** The next event; one call at a time. Taking an event lets the adapter fetch further ones, within its prefetch limit. */
  next(): Promise<SourceEvent>;
  close(): void;
}

export type SourceEvent = SourceRecords | SourceHead;

/**
 * A run of messages with consecutive offsets and one log timestamp. `bytes` holds them; message `i` is
 * `bytes[i === 0 ? start : ends[i - 1] + gap, ends[i])`, where `gap` is the count of separator bytes between two.
 * Valid until the next call of `next`.
 */
export interface SourceRecords {
  readonly kind: 'records';
  readonly baseOffset: number;
  readonly recordCount: number;
  /** When the log stored them, milliseconds since the Unix epoch; never less than in an earlier event. */
  readonly timestampMs: number;
  readonly bytes: Uint8Array;
  readonly start: number;
  /** At least `recordCount` long. */
  readonly ends: Int32Array;
  readonly gap: number;
}

/** Everything below `nextOffset` was handed out, and no later message has a timestamp before `clockMs`. */
export interface SourceHead {
  readonly kind: 'head';
  readonly nextOffset: number;
  readonly clockMs: number;
}

/** Output messages of one tenant: `payload` holds `recordCount` lines, each ended by a line feed. */
export interface TenantOutput {
  /** The tenant as it stands in topic names (`encodeTenant` of the pulse model). */
  readonly tenant: string;
  readonly recordCount: number;
  readonly payload: Uint8Array;
}

export interface OutputCommit {
  readonly grouped: readonly TenantOutput[];
  readonly aggregated: readonly TenantOutput[];
  readonly deadLetters: { readonly recordCount: number; readonly payload: Uint8Array } | undefined;
  /** Never empty: no output without a position, no position without the outputs before it. */
  readonly positions: ReadonlyMap<string, Position>;
}
