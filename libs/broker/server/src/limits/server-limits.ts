// Every bound of the server, finite by default.

export interface ServerLimits {
  /**
   * Those that wait for their turn count. Above it, one that has not opened goes for one of another address: the oldest of
   * the address with the most.
   */
  readonly connectionsMax: number;
  /** Connections above it that are told so at one time; the oldest of them is closed for a further one. */
  readonly refusalsMax: number;
  /**
   * Rate limit for new connections, with a burst allowance, so that a reconnect storm does not delay existing clients.
   * Connections that wait are not read.
   */
  readonly openingsPerSecond: number;
  readonly openingsBurst: number;
  /** Rest of an address after a wrong token, in which it opens nothing; it adds up to `wrongTokenRestMsMax`. */
  readonly wrongTokenRestMs: number;
  readonly wrongTokenRestMsMax: number;
  /** Refusals of one kind share a log line in this time, after the first. */
  readonly refusalLogMs: number;
  /**
   * Time until the client has chosen its protocol and, in the binary protocol, sent its hello. It runs from the accept,
   * or from the end of the rate limit's wait.
   */
  readonly openingMs: number;
  /** Bytes of the binary protocol that a client may send before its hello is accepted. */
  readonly helloBytesMax: number;
  /** Time from the first byte of a frame to its last. Time in which the server does not read does not count. */
  readonly frameCompletionMs: number;
  /** How long a refused client may take to read the reason before the connection is dropped. */
  readonly lingerMs: number;
  /** Requests of one connection that wait for an answer. */
  readonly requestsMax: number;
  /** Bytes received over one connection and not yet stored; one frame may overdraw it. */
  readonly connectionInputBytesMax: number;
  /**
   * The same over all connections of the binary protocol, and over all sinks of the line protocol. Keep the sum below
   * the log's `pendingBytesMax`, so that clients are slowed, not refused.
   */
  readonly requestBytesMax: number;
  readonly sinkBytesMax: number;
  /** Lines of a line-protocol sink go to the log in blocks of about this size, when they arrive faster than it stores. */
  readonly sinkBlockBytesMax: number;
  /**
   * An unfinished line longer than `sinkLongLineBytes` is read slowly: a read or two, then a pause of
   * `sinkLongLinePaceMs`. Lines without end would otherwise keep the garbage collector busy.
   */
  readonly sinkLongLineBytes: number;
  readonly sinkLongLinePaceMs: number;
  /** Connections that read from the log in one tick of the event loop; more when many wait. */
  readonly readersPerTurn: number;
  /** Pause after a full tick of readers while the log commits. */
  readonly readersRestMs: number;
  /** Small reads for one connection in one tick; their answers leave together. */
  readonly readsPerReader: number;
  /** Bytes read from the log at once for one reader; less when there are many connections. */
  readonly readBytesMax: number;
  /** Bytes that all connections together may keep waiting for slow readers; each connection gets an equal share. */
  readonly outputBytesMax: number;
  /** A reader that takes nothing for this long is reported as a slow consumer. */
  readonly slowReaderMs: number;
  /** Silence after which a half-closed reader of lines gets an empty one, which shows whether it is still there. */
  readonly halfClosedProbeMs: number;
  readonly streamsPerConnectionMax: number;
  readonly groupsPerConnectionMax: number;
  readonly leaseMsMax: number;
  /** First wait of a line-protocol sink before it tries again to store; doubles up to `sinkRetryMsMax`. */
  readonly sinkRetryMsMin: number;
  readonly sinkRetryMsMax: number;
  /** While the server closes, a line-protocol sink that is silent for this long counts as finished. */
  readonly sinkQuietMs: number;
}

export const DEFAULT_LIMITS: ServerLimits = {
  connectionsMax: 5000,
  refusalsMax: 256,
  openingsPerSecond: 500,
  openingsBurst: 8,
  wrongTokenRestMs: 500,
  wrongTokenRestMsMax: 10_000,
  refusalLogMs: 10_000,
  openingMs: 10_000,
  helloBytesMax: 16 * 1024,
  frameCompletionMs: 30_000,
  lingerMs: 1000,
  requestsMax: 1024,
  connectionInputBytesMax: 8 * 1024 * 1024,
  requestBytesMax: 24 * 1024 * 1024,
  sinkBytesMax: 16 * 1024 * 1024,
  sinkBlockBytesMax: 1024 * 1024,
  sinkLongLineBytes: 128 * 1024,
  sinkLongLinePaceMs: 50,
  readersPerTurn: 8,
  readersRestMs: 2,
  readsPerReader: 16,
  readBytesMax: 256 * 1024,
  outputBytesMax: 8 * 1024 * 1024,
  slowReaderMs: 5000,
  halfClosedProbeMs: 10_000,
  streamsPerConnectionMax: 256,
  groupsPerConnectionMax: 64,
  leaseMsMax: 300_000,
  sinkRetryMsMin: 50,
  sinkRetryMsMax: 1000,
  sinkQuietMs: 100,
};
