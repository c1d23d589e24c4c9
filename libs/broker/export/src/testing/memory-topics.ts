// Topics in memory, as an exporter sees a log.

import type { BrokerLog } from '@pulses/broker-log-api';
import type { RecordBatch, TopicInfo } from '@pulses/broker-wire';
import { PulsesError } from '@pulses/shared-errors';
import { compareUtf8 } from '@pulses/shared-binary';

/** A read ends after two batches, so that a topic takes several. */
const BATCHES_PER_READ = 2;

interface MemoryTopic {
  readonly incarnation: string;
  startOffset: number;
  /** From offset 0 on. */
  readonly lines: string[];
}

export class MemoryTopics implements Pick<BrokerLog, 'topics' | 'read'> {
  readonly #logId: string;
  readonly #topics = new Map<string, MemoryTopic>();
  readonly #recordsPerBatch: number;
  #made = 0;
  /** Topics that cannot be read. */
  readonly damaged = new Set<string>();

  constructor({ logId = 'a'.repeat(24), recordsPerBatch = 3 } = {}) {
    this.#logId = logId;
    this.#recordsPerBatch = recordsPerBatch;
  }

  get topicCount(): number {
    return this.#topics.size;
  }

  append(topic: string, ...lines: readonly string[]): void {
    let stored = this.#topics.get(topic);
    if (stored === undefined) {
      this.#made += 1;
      const incarnation = this.#made.toString(16).padStart(8, '0') + this.#logId;
      this.#topics.set(topic, (stored = { incarnation, startOffset: 0, lines: [] }));
    }
    stored.lines.push(...lines);
  }

  /** Forgets the newest messages, as a log that was restored from a backup. */
  rollBack(topic: string, count: number): void {
    this.#topics.get(topic)?.lines.splice(-count);
  }

  delete(topic: string): void {
    this.#topics.delete(topic);
  }

  trim(topic: string, startOffset: number): void {
    this.#get(topic).startOffset = startOffset;
  }

  /** The messages that are kept, as the bytes of a file. */
  textOf(topic: string): string {
    const { lines, startOffset } = this.#get(topic);
    return textOf(lines.slice(startOffset));
  }

  topics({ prefix, after, limit }: { prefix: string; after: string; limit: number }): {
    topics: TopicInfo[];
    more: boolean;
  } {
    const names = [...this.#topics.keys()].filter((name) => name.startsWith(prefix)).sort(compareUtf8);
    const rest = names.filter((name) => compareUtf8(name, after) > 0);
    return { topics: rest.slice(0, limit).map((name) => this.#info(name)), more: rest.length > limit };
  }

  // Rejects, as the log's own does.
  async read(topic: string, incarnation: string, fromOffset: number): Promise<RecordBatch[]> {
    await Promise.resolve();
    const stored = this.#topics.get(topic);
    if (stored?.incarnation !== incarnation) throw new PulsesError('TOPIC_UNKNOWN', topic);
    if (this.damaged.has(topic)) throw new PulsesError('JOURNAL_CORRUPT', `${topic} is damaged`);
    if (fromOffset < stored.startOffset) throw new PulsesError('OFFSET_OUT_OF_RANGE', topic);
    const batches: RecordBatch[] = [];
    for (let at = fromOffset; at < stored.lines.length && batches.length < BATCHES_PER_READ;) {
      const lines = stored.lines.slice(at, at + this.#recordsPerBatch);
      batches.push({ baseOffset: at, recordCount: lines.length, timestampMs: 0, payload: Buffer.from(textOf(lines)) });
      at += lines.length;
    }
    return batches;
  }

  #info(topic: string): TopicInfo {
    const { incarnation, startOffset, lines } = this.#get(topic);
    const times = { firstTimestampMs: 0, lastTimestampMs: 0 };
    return { topic, incarnation, startOffset, nextOffset: lines.length, bytes: 0, ...times };
  }

  #get(topic: string): MemoryTopic {
    const stored = this.#topics.get(topic);
    if (stored === undefined) throw new TypeError(`no topic ${topic}`);
    return stored;
  }
}

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}
