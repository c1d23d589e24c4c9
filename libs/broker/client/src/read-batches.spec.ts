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

async function readAll() {
  const seen: Uint8Array[] = [];
  const sizes: number[] = [];
  for await (const batches of readBatches(readerOf([frameAt(0), frameAt(4)]), range)) {
    sizes.push(...batches.map(({ payload }) => payload.length));
    seen.push(...batches.map(({ payload }) => payload));
  }
  return { sizes, after: seen.map(({ length }) => length) };
}

describe('the batches of a range', () => {
  it('end with its last message', async () => {
    expect((await readAll()).sizes).toEqual([200, 200, 200, 100]);
  });

  it('are freed when the next ones are asked for', async () => {
    expect((await readAll()).after).toEqual([0, 0, 0, 0]);
  });
});
