// What a topic holds, as tools read it: batches of lines, with their offsets and times.

const LINE_FEED = 10;

/** One partition of a topic. It can be sent to a thread. */
export interface Partition {
  readonly topic: string;
  /** From 0; undefined on a system whose topics have none. */
  readonly partition?: number | undefined;
  /** 32 hex digits; '' accepts any. */
  readonly incarnation: string;
}

export interface PartitionInfo extends Partition {
  /** It holds the lines of several tenants: `TopicReader.readOutputs` tells whose. */
  readonly isShared?: boolean | undefined;
  /** First offset that is still kept. */
  readonly startOffset: number;
  /** The offset that the next message gets. */
  readonly nextOffset: number;
  /** Messages kept, on a system where the offsets do not tell. */
  readonly messages?: number | undefined;
  /** Bytes kept; undefined when the system does not tell. */
  readonly bytes?: number | undefined;
  /** The log's times of the first and the last message; 0 when there is none, undefined when the system does not tell. */
  readonly firstTimestampMs?: number | undefined;
  readonly lastTimestampMs?: number | undefined;
}

export interface ReadRange {
  readonly fromOffset: number;
  /** Offset behind the last; Infinity follows the partition without end. */
  readonly untilOffset: number;
  /** Bytes that may wait here. */
  readonly aheadBytes: number;
  /** Ends the range early, without an error. */
  readonly signal?: AbortSignal | undefined;
}

/** Messages with consecutive offsets and one time. Between two batches offsets may be missing. */
export interface StoredBatch {
  readonly baseOffset: number;
  readonly recordCount: number;
  /** When the log stored them. */
  readonly timestampMs: number;
  /** The messages, each followed by one line feed. */
  readonly payload: Uint8Array;
  /** Where each message ends, which is where its line feed is. Given when a message holds a line feed itself. */
  readonly ends?: Int32Array | undefined;
}

/** A partition that holds lines of tenants. */
export interface OutputInfo extends PartitionInfo {
  readonly kind: 'grouped' | 'aggregated';
}

/** Messages of one tenant's output. */
export interface OutputBatch {
  /** What was asked for; of a shared partition, with the tenant's own topic in place of its name. */
  readonly topic: PartitionInfo;
  readonly batch: Omit<StoredBatch, 'timestampMs'>;
}

/** Calls `visit` with where each message starts, where its line feed is, and its number from 0. */
export function forEachMessage(
  { payload, ends }: Pick<StoredBatch, 'payload' | 'ends'>,
  visit: (start: number, end: number, index: number) => void,
): void {
  for (let [start, index] = [0, 0]; start < payload.length; index += 1) {
    const end = ends === undefined ? payload.indexOf(LINE_FEED, start) : ends[index]!; // one for each message
    visit(start, end, index);
    start = end + 1;
  }
}

/** The bytes of the first `count` messages, with their line feeds. */
export function firstMessages({ payload, ends, recordCount }: StoredBatch, count: number): Uint8Array {
  if (count >= recordCount) return payload;
  let end = 0;
  for (let index = 0; index < count; index += 1) end = (ends?.[index] ?? payload.indexOf(LINE_FEED, end)) + 1;
  return payload.subarray(0, end);
}

/** The messages as text. */
export function linesOf(batch: StoredBatch): string[] {
  const { buffer, byteOffset, byteLength } = batch.payload;
  const bytes = Buffer.from(buffer, byteOffset, byteLength);
  const lines: string[] = [];
  forEachMessage(batch, (start, end) => lines.push(bytes.toString('utf8', start, end)));
  return lines;
}
