// Limits of both protocols. A peer that goes beyond one is refused; none of them is negotiable on the wire.

export const PROTOCOL_VERSION = 2;

/** First bytes of a connection of the broker's own protocol; no line of text starts with 0x89. */
export const PREAMBLE: Uint8Array = Uint8Array.of(0x89, 0x50, 0x55, 0x4c, 0x53, 0x45, 0x0d, 0x0a);

/** A whole frame, with its length field. */
export const FRAME_BYTES_MAX = 16 * 1024 * 1024;

/** One message that a producer sends, over either protocol, without its line end. */
export const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;

/** One message inside a commit: a dead letter holds a whole message in base64. */
export const COMMIT_MESSAGE_BYTES_MAX = 6 * 1024 * 1024;

/** The first line of the line protocol. */
export const COMMAND_LINE_BYTES_MAX = 1024;

export const TOPIC_NAME_BYTES_MAX = 249;
export const GROUP_NAME_BYTES_MAX = 512;
export const METADATA_BYTES_MAX = 4 * 1024;
export const TOPICS_PER_COMMIT_MAX = 100_000;
export const POSITIONS_PER_COMMIT_MAX = 64;
export const LIST_TOPICS_LIMIT_MAX = 10_000;
export const LIST_GROUPS_LIMIT_MAX = 1_000;
export const LIST_POSITIONS_LIMIT_MAX = 1_000;

/** How often an idle fetch stream repeats `head`. */
export const HEAD_INTERVAL_MS = 200;

/**
 * Answers to repeated requests that a broker keeps for each producer. A repeat of an older request is refused, not
 * stored again.
 */
export const PRODUCER_RESULTS_KEPT = 64;
/**
 * How long any broker remembers a producer after its last stored batch, at least, by the log's clock. A first batch that was
 * sent before then is not repeated: the broker might store it as that of a new producer.
 */
export const PRODUCER_KEPT_MS = 86_400_000;
/** Batches that a producer has under way; less than PRODUCER_RESULTS_KEPT, since a lost connection makes it repeat them. */
export const PRODUCER_IN_FLIGHT_MAX = 32;
