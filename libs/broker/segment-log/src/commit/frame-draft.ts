// What the frame of one request will hold, gathered in memory that is used for each request anew.

import { FieldWriter } from '@pulses/shared-binary';
import { writeEntry, type Entry } from '../journal/entries';
import type { FrameContent } from '../journal/journal';
import type { ColumnarCommit } from './columnar-commit';

const ROWS_INITIAL = 1_024;
const NO_BYTES = new Uint8Array(0);

export class FrameDraft {
  #ids = new Uint32Array(ROWS_INITIAL);
  #counts = new Uint32Array(ROWS_INITIAL);
  #lengths = new Uint32Array(ROWS_INITIAL);
  #rows = 0;
  #columns: { readonly counts: Uint32Array; readonly lengths: Uint32Array } | undefined;
  #payloadCrc: number | undefined;
  #payloads: Uint8Array[] = [];
  #payloadLength = 0;
  #entries: Entry[] = [];
  #firstTopicId = 0;
  #topicNames: string[] = [];

  /** Beside the topics that are made. */
  get entries(): Entry[] {
    return this.#entries;
  }

  get isEmpty(): boolean {
    return this.#rows === 0 && this.#entries.length === 0 && this.#topicNames.length === 0;
  }

  reset(): this {
    this.#rows = 0;
    this.#columns = undefined;
    this.#payloadCrc = undefined;
    this.#payloads = [];
    this.#payloadLength = 0;
    this.#entries = [];
    this.#topicNames = [];
    return this;
  }

  /** The topics that one request makes have ids in a row. */
  addTopic(id: number, name: string): void {
    if (this.#topicNames.length === 0) this.#firstTopicId = id;
    this.#topicNames.push(name);
  }

  addRow(topicId: number, count: number, payload: Uint8Array): void {
    if (this.#rows === this.#ids.length) this.#grow();
    this.#ids[this.#rows] = topicId;
    this.#counts[this.#rows] = count;
    this.#lengths[this.#rows] = payload.length;
    this.#rows += 1;
    this.#payloads.push(payload);
    this.#payloadLength += payload.length;
  }

  /** Takes all rows but their ids, which the caller puts into the array that is returned. */
  takeColumns({ counts, lengths, payload, payloadCrc }: ColumnarCommit): Uint32Array {
    while (counts.length > this.#ids.length) this.#grow();
    this.#rows = counts.length;
    this.#columns = { counts, lengths };
    this.#payloads = [payload];
    this.#payloadLength = payload.length;
    this.#payloadCrc = payloadCrc;
    return this.#ids;
  }

  content(timestampMs: number): FrameContent {
    if (this.#topicNames.length > 0) {
      this.#entries.unshift({ kind: 'topics-created', firstId: this.#firstTopicId, names: this.#topicNames });
    }
    return {
      timestampMs,
      rows: this.#rows,
      ids: this.#ids,
      counts: this.#columns?.counts ?? this.#counts,
      lengths: this.#columns?.lengths ?? this.#lengths,
      entries: this.#entries,
      entryBytes: bytesOf(this.#entries),
      payloads: this.#payloads,
      payloadLength: this.#payloadLength,
      payloadCrc: this.#payloadCrc,
    };
  }

  #grow(): void {
    const [ids, counts, lengths] = [this.#ids, this.#counts, this.#lengths].map((column) => {
      const grown = new Uint32Array(column.length * 2);
      grown.set(column);
      return grown;
    });
    this.#ids = ids!; // three, as given
    this.#counts = counts!;
    this.#lengths = lengths!;
  }
}

function bytesOf(entries: readonly Entry[]): Uint8Array {
  if (entries.length === 0) return NO_BYTES;
  const writer = FieldWriter.growing(0);
  for (const entry of entries) writeEntry(writer, entry);
  const parts = writer.parts();
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts); // small fields are one part
}
