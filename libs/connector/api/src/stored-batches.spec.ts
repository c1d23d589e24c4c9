import { describe, expect, it } from '@jest/globals';
import { firstMessages, forEachMessage, linesOf, type StoredBatch } from './stored-batches';

const batchOf = (...messages: string[]): StoredBatch => ({
  baseOffset: 0,
  recordCount: messages.length,
  timestampMs: 0,
  payload: Buffer.from(messages.map((message) => `${message}\n`).join('')),
});

/** Messages that hold line feeds themselves. */
const PAYLOAD = Buffer.from('a\nb\nc\n\nd\n');
const withEnds: StoredBatch = { ...batchOf('', '', ''), payload: PAYLOAD, ends: Int32Array.of(3, 6, 8) };

describe('the messages of a batch', () => {
  it('are visited in order, each without its line feed, and the last one as well', () => {
    const batch = batchOf('one', 'zwölf', '3');
    const messages: [number, string][] = [];
    forEachMessage(batch, (start, end, index) =>
      messages.push([index, Buffer.from(batch.payload.subarray(start, end)).toString()]),
    );
    expect(messages).toEqual([
      [0, 'one'],
      [1, 'zwölf'],
      [2, '3'],
    ]);
    expect(linesOf(batch)).toEqual(['one', 'zwölf', '3']);
  });

  it('are none in an empty payload', () => {
    expect(linesOf(batchOf())).toEqual([]);
  });

  it('may hold line feeds where their ends are given', () => {
    expect(linesOf(withEnds)).toEqual(['a\nb', 'c\n', 'd']);
  });

  it.each([
    [0, ''],
    [1, 'one\n'],
    [2, 'one\nzwölf\n'],
    [3, 'one\nzwölf\n3\n'],
    [9, 'one\nzwölf\n3\n'],
  ])('are cut after the first %d', (count, text) => {
    expect(Buffer.from(firstMessages(batchOf('one', 'zwölf', '3'), count)).toString()).toBe(text);
  });

  it('are cut at their ends where these are given', () => {
    expect(Buffer.from(firstMessages(withEnds, 2)).toString()).toBe('a\nb\nc\n\n');
  });
});
