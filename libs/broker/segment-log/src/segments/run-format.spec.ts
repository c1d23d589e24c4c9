import { describe, expect, it } from '@jest/globals';
import {
  blockOf,
  decodeBlock,
  decodeIndex,
  decodeRunHeader,
  DirectoryWriter,
  encodeRunHeader,
  ENTRIES_A_BLOCK,
  placesOf,
  type RunEntry,
} from './run-format';

const TOPICS = ENTRIES_A_BLOCK + 3;
const HEADER = {
  kind: 1,
  logId: Uint8Array.from({ length: 12 }, (_, index) => index),
  topics: TOPICS,
  firstLsn: 7,
  lastLsn: 2 ** 40,
  pieces: 2 * TOPICS,
  payloadLength: 100 * TOPICS,
};

const ENTRIES = Array.from({ length: TOPICS }, (_, index): RunEntry => ({
  topicId: 10 * index + 1,
  pieces: 2,
  firstPiece: 2 * index,
  payloadAt: 64 + 100 * index,
  count: 5,
  length: 100,
  piecesCrc: 0xdead_beef,
  payloadCrc: 0x0bad_cafe,
  baseOffset: 2 ** 33 + index,
  firstTimestampMs: 1_700_000_000_000,
  lastTimestampMs: 1_700_000_000_000 + index,
}));

function directory(headerCrc: number): Buffer {
  const writer = new DirectoryWriter(TOPICS, headerCrc);
  for (const entry of ENTRIES) writer.add(entry);
  return writer.end();
}

/** Every copy of the bytes with one bit changed. */
function* flipped(bytes: Uint8Array): Generator<Uint8Array> {
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const copy = bytes.slice();
    copy[bit >> 3]! ^= 1 << (bit & 7); // below the length
    yield copy;
  }
}

describe('a run', () => {
  const { bytes: headerBytes, crc } = encodeRunHeader(HEADER);
  const { directoryAt, indexAt, length } = placesOf(HEADER);
  const bytes = directory(crc);
  const blocks = [0, 1].map((block) => {
    const place = blockOf(HEADER, block);
    return bytes.subarray(place.at - directoryAt, place.at - directoryAt + place.length);
  });
  const index = bytes.subarray(indexAt - directoryAt);

  it('is read back as it was written', () => {
    expect(decodeRunHeader(headerBytes)).toEqual({ header: HEADER, crc });
    expect(directoryAt + bytes.length).toBe(length);
    expect(blocks.flatMap((block, number) => decodeBlock(block, number, crc))).toEqual(ENTRIES);
    expect([...(decodeIndex(index, crc) ?? [])]).toEqual([1, 10 * ENTRIES_A_BLOCK + 1]);
  });

  it('is not valid with any bit of its header, index or directory changed', () => {
    for (const bad of flipped(headerBytes)) expect(decodeRunHeader(bad)).toBeUndefined();
    for (const bad of flipped(index)) expect(decodeIndex(bad, crc)).toBeUndefined();
    for (const bad of flipped(blocks[1]!)) expect(decodeBlock(bad, 1, crc)).toBeUndefined(); // two blocks
  });

  it('takes no block of another place or run for its own', () => {
    expect(decodeBlock(blocks[0]!, 1, crc)).toBeUndefined(); // two blocks
    expect(decodeBlock(blocks[0]!, 0, crc + 1)).toBeUndefined();
  });
});
