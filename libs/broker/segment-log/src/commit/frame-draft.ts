// What the frame of one request will hold, gathered in memory that is used for each request anew.

import type { TopicAppend, TopicColumns } from '@pulses/broker-wire';
import { FieldWriter } from '@pulses/shared-binary';
import { writeEntry, type Entry } from '../journal/entries';
import type { FrameContent } from '../journal/journal';

const ROWS_INITIAL = 1_024;
const NO_BYTES = new Uint8Array(0);

type Rows = Pick<FrameContent, 'counts' | 'lengths' | 'payload' | 'payloadCrc'>;

const NO_ROWS: Rows = {
  counts: new Uint32Array(0),
  lengths: new Uint32Array(0),
  payload: NO_BYTES,
  payloadCrc: undefined,
};

export class FrameDraft {
  #ids = new Uint32Array(ROWS_INITIAL);
  #rows: Rows = NO_ROWS;
  #entries: Entry[] = [];
  #firstTopicId = 0;
  #topicNames: string[] = [];

  /** Beside the topics that are made. */
  get entries(): Entry[] {
    return this.#entries;
  }

  get isEmpty(): boolean {
    return this.#rows.counts.length === 0 && this.#entries.length === 0 && this.#topicNames.length === 0;
  }

  reset(): this {
    this.#rows = NO_ROWS;
    this.#entries = [];
    this.#topicNames = [];
    return this;
  }

  /** The topics that one request makes have ids in a row. */
  addTopic(id: number, name: string): void {
    if (this.#topicNames.length === 0) this.#firstTopicId = id;
    this.#topicNames.push(name);
  }

  /** Takes the one row of an append. */
  takeAppend(topicId: number, { recordCount, payload, payloadCrc }: TopicAppend): void {
    this.#ids[0] = topicId;
    this.#rows = {
      counts: Uint32Array.of(recordCount),
      lengths: Uint32Array.of(payload.length),
      payload,
      payloadCrc,
    };
  }

  /** Takes all rows but their ids, which the caller puts into the array that is returned. */
  takeColumns(columns: TopicColumns): Uint32Array {
    const rows = columns.counts.length;
    if (rows > this.#ids.length) this.#ids = new Uint32Array(2 * rows);
    this.#rows = columns;
    return this.#ids;
  }

  content(timestampMs: number): FrameContent {
    if (this.#topicNames.length > 0) {
      this.#entries.unshift({ kind: 'topics-created', firstId: this.#firstTopicId, names: this.#topicNames });
    }
    const { counts, lengths, payload, payloadCrc } = this.#rows;
    const [ids, entries] = [this.#ids, this.#entries];
    return { timestampMs, ids, counts, lengths, entries, entryBytes: bytesOf(entries), payload, payloadCrc };
  }
}

function bytesOf(entries: readonly Entry[]): Uint8Array {
  if (entries.length === 0) return NO_BYTES;
  const writer = FieldWriter.growing(0);
  for (const entry of entries) writeEntry(writer, entry);
  return writer.written();
}
