// Every bound of the server, finite by default.

export interface ServerLimits {
  readonly connectionsMax: number;
  /**
   * Rate of new connections, with a burst allowance: a reconnect storm must not delay existing clients. Waiting
   * connections are not read.
   */
  readonly openingsPerSecond: number;
  readonly openingsBurst: number;
  /**
   * From the accept, or the end of the wait for the opening, until the client has said what it speaks and, in the binary
   * protocol, its hello.
   */
  readonly openingMs: number;
  /** Bytes of the binary protocol that a client may send before its hello has been accepted. */
  readonly helloBytesMax: number;
  /** From the first byte of a frame to its last; time in which the server itself does not read does not count. */
  readonly frameCompletionMs: number;
  /** How long a refused client may take to read the reason before the connection is dropped. */
  readonly lingerMs: number;
  /** Requests of one connection that wait for an answer. */
  readonly requestsMax: number;
  /** Bytes received over one connection and not yet stored; one frame may overdraw it. */
  readonly connectionInputBytesMax: number;
  /**
   * The same over all connections of the binary protocol, and over all sinks of the line protocol. Keep the sum below
   * what the log lets wait, so that clients are slowed, not refused.
   */
  readonly requestBytesMax: number;
  readonly sinkBytesMax: number;
  /** A line-protocol sink's lines go to the log in blocks of about this size, when they come faster than it stores. */
  readonly sinkBlockBytesMax: number;
  /**
   * An unfinished line beyond this length is read at the pace below, a read or two at a time. Otherwise lines without end
   * keep the collector busy and delay every client.
   */
  readonly sinkLongLineBytes: number;
  readonly sinkLongLinePaceMs: number;
  /** Connections that are served from the log in one turn of the event loop; more when a round of all that wait would take long. */
  readonly readersPerTurn: number;
  /** Pause after a full share of readers while a commit is in progress. */
  readonly readersRestMs: number;
  /** Reads for one connection in its turn, if they are small; many reads of one leave together. */
  readonly readsPerReader: number;
  /** Bytes read from the log at once for one reader; less when there are many connections. */
  readonly readBytesMax: number;
  /** Bytes that all connections together may keep waiting for slow readers; each connection gets an equal share. */
  readonly outputBytesMax: number;
  /** A reader that takes nothing for so long is reported as slow. */
  readonly slowReaderMs: number;
  readonly streamsPerConnectionMax: number;
  readonly groupsPerConnectionMax: number;
  readonly leaseMsMax: number;
  /** First wait of a line-protocol sink before it tries again to store; doubles up to `sinkRetryMsMax`. */
  readonly sinkRetryMsMin: number;
  readonly sinkRetryMsMax: number;
  /** While the server closes, a line-protocol sink from which nothing came for so long counts as finished. */
  readonly sinkQuietMs: number;
}

export const DEFAULT_LIMITS: ServerLimits = {
  connectionsMax: 5000,
  openingsPerSecond: 500,
  openingsBurst: 8,
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
  streamsPerConnectionMax: 256,
  groupsPerConnectionMax: 64,
  leaseMsMax: 300_000,
  sinkRetryMsMin: 50,
  sinkRetryMsMax: 1000,
  sinkQuietMs: 100,
};
