// Holds what the journal says is in a topic's files to what is there: bytes and timestamps.
//
// Frames come in order, so each topic has a place where its last comparison ended and the next one goes on.
// Bounds: one place for each topic, one block of messages at a time, `OPEN_FILES_MAX` descriptors.

import { skipRecords } from '@pulses/broker-wire';
import type { FileSystem } from '@pulses/shared-ports';
import type { Appended } from './entries';
import { readUpTo } from './full-io';
import { createHandleCache } from './handle-cache';
import { decodeBlock, INDEX_ENTRY_BYTES, indexPosition, type Block } from './topic-index';
import { topicFileName } from './topic-names';

const OPEN_FILES_MAX = 64;

/** A segment whose entries before `entries` are sound, as far as the caller asks for them. */
export interface ComparedSegment {
  readonly baseOffset: number;
  nextOffset: number;
  entries: number;
}

export interface ComparedTopic {
  readonly directory: string;
  readonly incarnation: string;
  readonly segments: readonly ComparedSegment[];
}

export interface Difference {
  readonly path: string;
  readonly byteOffset: number;
  readonly what: string;
  readonly offset: number;
}

interface Place {
  readonly segment: ComparedSegment;
  readonly entry: number;
  readonly block: Block;
  /** Next offset and where its message starts. */
  readonly offset: number;
  readonly position: number;
}

export interface Comparison {
  /** The first difference between the messages of the frame and the files, which hold all of them. */
  compare(topic: ComparedTopic, entry: Appended, timestampMs: number): Promise<Difference | undefined>;
  close(): Promise<void>;
}

export function createComparison(fileSystem: FileSystem): Comparison {
  const reading: FileSystem = { ...fileSystem, open: (path) => fileSystem.open(path, 'read') };
  const cache = createHandleCache(reading, OPEN_FILES_MAX);
  const places = new Map<ComparedTopic, Place>();

  const read = async (path: string, position: number, length: number): Promise<Buffer> => {
    const bytes = Buffer.allocUnsafe(length);
    return bytes.subarray(0, await cache.use(path, (handle) => readUpTo(handle, bytes, position)));
  };

  const pathOf = (topic: ComparedTopic, segment: ComparedSegment, kind: 'ndjson' | 'index'): string =>
    `${topic.directory}/${topicFileName(segment.baseOffset, topic.incarnation, kind)}`;

  const blockOf = async (topic: ComparedTopic, segment: ComparedSegment, entry: number): Promise<Block> => {
    const block = decodeBlock(await read(pathOf(topic, segment, 'index'), indexPosition(entry), INDEX_ENTRY_BYTES), 0);
    // The caller asks for nothing that was found to be damaged.
    if (block === undefined)
      throw new TypeError(`entry ${entry} of segment ${segment.baseOffset} has changed meanwhile`);
    return block;
  };

  const find = async (topic: ComparedTopic, offset: number): Promise<Place> => {
    const segment = topic.segments.findLast(({ baseOffset }) => baseOffset <= offset);
    if (segment === undefined) throw new TypeError(`no segment holds offset ${offset}`);
    let low = 0;
    let high = segment.entries - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((await blockOf(topic, segment, middle)).baseOffset <= offset) low = middle;
      else high = middle - 1;
    }
    const block = await blockOf(topic, segment, low);
    const bytes = await read(pathOf(topic, segment, 'ndjson'), block.position, block.length);
    const position = block.position + skipRecords(bytes, offset - block.baseOffset);
    return { segment, entry: low, block, offset, position };
  };

  /** The place in the block that holds its offset. */
  const settle = async (topic: ComparedTopic, place: Place): Promise<Place> => {
    const { segment, entry, block, offset } = place;
    if (offset < block.baseOffset + block.recordCount) return place;
    if (entry + 1 >= segment.entries) return await find(topic, offset);
    const next = await blockOf(topic, segment, entry + 1);
    if (next.baseOffset !== offset) return await find(topic, offset);
    return { segment, entry: entry + 1, block: next, offset, position: next.position };
  };

  return {
    compare: async (topic, entry, timestampMs) => {
      const known = places.get(topic);
      let place = known?.offset === entry.baseOffset ? known : await find(topic, entry.baseOffset);
      const payload = Buffer.from(entry.bytes.buffer, entry.bytes.byteOffset + entry.start, entry.length);
      for (let at = 0; at < payload.length;) {
        place = await settle(topic, place);
        const { segment, block, position, offset } = place;
        if (block.timestampMs !== timestampMs) {
          const what = `the journal stored offset ${offset} at ${timestampMs}, the index says ${block.timestampMs}`;
          return { path: pathOf(topic, segment, 'index'), byteOffset: indexPosition(place.entry), what, offset };
        }
        const length = Math.min(payload.length - at, block.position + block.length - position);
        const path = pathOf(topic, segment, 'ndjson');
        const stored = await read(path, position, length);
        const expected = payload.subarray(at, at + length);
        if (!stored.equals(expected)) {
          const byteOffset = position + firstDifference(stored, expected);
          return { path, byteOffset, what: `not what the journal stored at offset ${offset} and behind`, offset };
        }
        at += length;
        const isOver = position + length === block.position + block.length;
        const reached = isOver ? block.baseOffset + block.recordCount : entry.baseOffset + entry.recordCount;
        place = { ...place, position: position + length, offset: reached };
      }
      places.set(topic, place);
      return undefined;
    },
    close: () => cache.shed(),
  };
}

function firstDifference(left: Uint8Array, right: Uint8Array): number {
  let at = 0;
  while (at < left.length && left[at] === right[at]) at += 1;
  return at;
}
