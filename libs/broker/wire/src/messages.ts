// The messages of the broker's own protocol, as plain values. docs/formats/broker-protocol.md has the bytes.
//
// One connection carries many requests at once: a correlation id, chosen by the client, ties each answer to its
// request. Every request gets exactly one answer (its own kind, or `error`), except `fetch`, which opens a stream
// of answers under its correlation id, and `credit` and `stop-fetch`, which get none of their own.
// Requests of one connection take effect in the order sent.

/** Random id of one life of a topic, 16 bytes as 32 hex digits: a topic deleted and made again gets a new one. */
export type Incarnation = string;

/** Who produces, for deduplication: the broker answers a repeated (id, epoch, sequence) with the first answer. */
export interface ProducerStamp {
  /** 16 random bytes as 32 hex digits. */
  readonly id: string;
  /** Starts at 0; a higher epoch fences every lower one (FENCED) and starts again at sequence 0. */
  readonly epoch: number;
  /** Dense from 0 within the epoch, one for each produce request; a jump ahead is refused with SEQUENCE_GAP. */
  readonly sequence: number;
}

/**
 * Messages for one topic: `payload` holds `recordCount` messages, each followed by one line feed (0x0a); a message is
 * not empty and holds no line feed.
 */
export interface TopicAppend {
  readonly topic: string;
  readonly recordCount: number;
  readonly payload: Uint8Array;
}

/** A run of stored messages with consecutive offsets and one broker timestamp (milliseconds since the Unix epoch). */
export interface RecordBatch {
  readonly baseOffset: number;
  readonly recordCount: number;
  readonly timestampMs: number;
  readonly payload: Uint8Array;
}

/** A consumer group's named position in one incarnation of a topic. */
export interface StoredPosition {
  readonly group: string;
  readonly topic: string;
  readonly incarnation: Incarnation;
  readonly name: string;
  /** Next offset to read. */
  readonly offset: number;
  /** Counts the changes of this position, from 1. A commit names the revision that it replaces. */
  readonly revision: number;
  /** Opaque to the broker; at most `METADATA_BYTES_MAX` bytes of UTF-8. */
  readonly metadata: string;
}

/** The change of one position: refused with POSITION_CONFLICT unless the stored revision is `expectedRevision`. */
export interface PositionChange {
  readonly name: string;
  /** 0: the position must not exist yet. */
  readonly expectedRevision: number;
  readonly offset: number;
  readonly metadata: string;
}

export interface TopicInfo {
  readonly topic: string;
  readonly incarnation: Incarnation;
  /** First offset still kept. */
  readonly startOffset: number;
  /** The high watermark: the offset that the next message gets; everything below is durable. */
  readonly nextOffset: number;
  /** Bytes of the kept messages with their line feeds. */
  readonly bytes: number;
  /** Broker time of the first kept and of the last message; 0 when there is none. */
  readonly firstTimestampMs: number;
  readonly lastTimestampMs: number;
}

/** What a client may ask. */
export type Request =
  | {
      readonly type: 'hello';
      readonly protocolVersion: number;
      /** Name of the program, for the broker's log. */
      readonly client: string;
      /** Empty when the client has none. */
      readonly token: string;
    }
  | ({ readonly type: 'produce'; readonly producer: ProducerStamp } & TopicAppend)
  /** Forgets a producer that stops for good; later requests of its epoch are FENCED. */
  | { readonly type: 'retire-producer'; readonly id: string; readonly epoch: number }
  /**
   * Opens a stream: `fetch-started`, then `records` while credit lasts and `head` each time everything durable was
   * sent (at once, then every `HEAD_INTERVAL_MS` while idle). Ends with `error`, or `done` after `stop-fetch`.
   */
  | {
      readonly type: 'fetch';
      readonly topic: string;
      /** '' accepts any; else the stream fails with TOPIC_UNKNOWN when the topic was made again. */
      readonly incarnation: Incarnation;
      readonly fromOffset: number;
      /** Payload bytes that the broker may send before it waits for `credit`; a batch may overdraw it once. */
      readonly creditBytes: number;
    }
  /** More credit for the fetch stream of the same correlation id. */
  | { readonly type: 'credit'; readonly bytes: number }
  | { readonly type: 'stop-fetch' }
  /** All of it becomes durable and visible at once, or nothing does. */
  | {
      readonly type: 'commit';
      readonly group: string;
      /** From `group-joined`; a commit of another epoch than the group's current one is FENCED. */
      readonly groupEpoch: number;
      /** The topic of the positions. */
      readonly topic: string;
      readonly incarnation: Incarnation;
      readonly positions: readonly PositionChange[];
      readonly appends: readonly TopicAppend[];
    }
  /** '' for `group` or `topic` matches every one. */
  | { readonly type: 'read-positions'; readonly group: string; readonly topic: string }
  /** Topics in name order (by UTF-8 bytes), after the name `after` ('' from the first), at most `limit`. */
  | { readonly type: 'list-topics'; readonly prefix: string; readonly after: string; readonly limit: number }
  /** Makes the topic unless it exists; answered with `topic` either way. */
  | { readonly type: 'create-topic'; readonly topic: string }
  /** Removes topics with their messages and positions, all at once; unknown names are passed over. No name: every topic. */
  | { readonly type: 'delete-topics'; readonly topics: readonly string[] }
  /**
   * Asks to be the group's one active member. The answer `group-joined` comes when that is so, at once or after
   * the active member has left, lost its connection, or missed its lease.
   */
  | { readonly type: 'join-group'; readonly group: string; readonly member: string; readonly leaseMs: number }
  /** Renews the lease; FENCED when it was lost. */
  | { readonly type: 'heartbeat'; readonly group: string; readonly groupEpoch: number }
  | { readonly type: 'leave-group'; readonly group: string; readonly groupEpoch: number }
  | { readonly type: 'ping' };

/** What the broker sends. */
export type Response =
  | {
      readonly type: 'hello-ok';
      readonly protocolVersion: number;
      readonly server: string;
      readonly frameBytesMax: number;
      readonly messageBytesMax: number;
    }
  | {
      readonly type: 'produced';
      readonly baseOffset: number;
      readonly timestampMs: number;
      /** True when the stamp was known: these are the offsets of the first time. */
      readonly duplicate: boolean;
    }
  | {
      readonly type: 'fetch-started';
      readonly incarnation: Incarnation;
      readonly startOffset: number;
      readonly nextOffset: number;
    }
  | { readonly type: 'records'; readonly batches: readonly RecordBatch[] }
  /** Every message with an offset below `nextOffset` was sent, and no later one has a timestamp before `clockMs`. */
  | { readonly type: 'head'; readonly nextOffset: number; readonly clockMs: number }
  | { readonly type: 'committed'; readonly timestampMs: number }
  | { readonly type: 'positions'; readonly positions: readonly StoredPosition[] }
  | { readonly type: 'topics'; readonly topics: readonly TopicInfo[]; readonly more: boolean }
  | { readonly type: 'topic'; readonly topic: TopicInfo }
  | { readonly type: 'group-joined'; readonly groupEpoch: number }
  | { readonly type: 'done' }
  | { readonly type: 'pong'; readonly clockMs: number }
  /** `code` is a row of docs/errors.md. */
  | { readonly type: 'error'; readonly code: string; readonly message: string };

export type RequestType = Request['type'];
export type ResponseType = Response['type'];
