import { describe, expect, it } from '@jest/globals';
import type { FetchEvent } from './fetch-stream';
import type { BrokerReader } from './broker-reader';
import { readBatches } from './read-batches';

/** Messages of 100 bytes, two batches of two messages in a frame. */
function frameAt(offset: number): FetchEvent[] {
  const memory = new ArrayBuffer(400);
  return [0, 2].map((index) => {
    const payload = Buffer.from(memory, index * 100, 200).fill(`${'x'.repeat(99)}\n`);
    return {
      kind: 'records',
      batch: { baseOffset: offset + index, recordCount: 2, timestampMs: 0, payload },
      ...(index === 2 ? { memory } : {}),
    };
  });
}

function readerOf(frames: readonly FetchEvent[][]): BrokerReader {
  const waiting = [...frames];
  const nextAll = () => Promise.resolve(waiting.shift() ?? []);
  return {
    fetch: () => ({ nextAll, next: () => Promise.reject(new Error('not asked')), close: () => undefined }),
  } as unknown as BrokerReader;
}

const range = { topic: 't', incarnation: '', fromOffset: 0, untilOffset: 7, creditBytes: 1 };

async function sizesOf(isLent: boolean | undefined) {
  const seen: Uint8Array[] = [];
  const sizes: number[] = [];
  for await (const batches of readBatches(readerOf([frameAt(0), frameAt(4)]), {
    ...range,
    ...(isLent === undefined ? {} : { isLent }),
  })) {
    sizes.push(...batches.map(({ payload }) => payload.length));
    seen.push(...batches.map(({ payload }) => payload));
  }
  return { sizes, after: seen.map(({ length }) => length) };
}

describe('the batches of a range', () => {
  it('end with its last message, and stay as they are', async () => {
    expect(await sizesOf(undefined)).toEqual({ sizes: [200, 200, 200, 100], after: [200, 200, 200, 100] });
  });

  it('are given back when the next ones are asked for, if they are lent', async () => {
    expect(await sizesOf(true)).toEqual({ sizes: [200, 200, 200, 100], after: [0, 0, 0, 0] });
  });
});
