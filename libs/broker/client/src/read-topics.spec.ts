import { describe, expect, it } from '@jest/globals';
import type { RecordBatch, TopicInfo } from '@pulses/broker-wire';
import { PulsesError } from '@pulses/shared-errors';
import type { BrokerReader } from './broker-reader';
import { readTopics } from './read-topics';
import type { Scanned } from './scanned';

const info = (id: number, startOffset: number, nextOffset: number): TopicInfo => ({
  topic: `topic-${id}`,
  incarnation: id.toString(16).padStart(8, '0').padEnd(32, 'f'),
  startOffset,
  nextOffset,
  bytes: 0,
  firstTimestampMs: 0,
  lastTimestampMs: 0,
});

type Row = readonly [topicId: number, baseOffset: number, count: number];

const textOf = ([id, baseOffset, count]: Row): string =>
  Array.from({ length: count }, (_, index) => `${id}.${baseOffset + index}\n`).join('');

/** An answer in memory of its own. */
function answer(rows: readonly Row[], more: boolean, lsn: number): Scanned {
  const payload = Uint8Array.from(Buffer.from(rows.map(textOf).join('')));
  return {
    type: 'scanned',
    topicIds: Uint32Array.from(rows, ([id]) => id),
    baseOffsets: rows.map(([, baseOffset]) => baseOffset),
    counts: Uint32Array.from(rows, ([, , count]) => count),
    lengths: Uint32Array.from(rows, (row) => textOf(row).length),
    next: { lsn, topicId: 0, offset: 0 },
    more,
    payloadCrc: 0,
    payload,
    memory: payload.buffer,
  };
}

/** Scans these answers; a stream of a topic holds what `fetched` says, and fails without. */
function readerOf(answers: readonly (readonly Row[])[], fetched: readonly Row[] = []) {
  const asked: [string, number][] = [];
  const reader = {
    scan(like: string, { lsn }: { lsn: number }) {
      asked.push([like, lsn]);
      return Promise.resolve(answer(answers[lsn] ?? [], lsn + 1 < answers.length, lsn + 1));
    },
    fetch(topic: string, _incarnation: string, fromOffset: number) {
      const row = fetched.find(([id, baseOffset]) => `topic-${id}` === topic && baseOffset === fromOffset);
      const gone = () => Promise.reject(new PulsesError('OFFSET_OUT_OF_RANGE', `${topic} from ${fromOffset}`));
      if (row === undefined) return { nextAll: gone, close: () => undefined };
      const [, baseOffset, recordCount] = row;
      const batch: RecordBatch = { baseOffset, recordCount, timestampMs: 0, payload: Buffer.from(textOf(row)) };
      return { nextAll: () => Promise.resolve([{ kind: 'records', batch }]), close: () => undefined };
    },
  };
  return { reader: reader as unknown as BrokerReader, asked };
}

/** The messages, as text, by topic. */
async function textsOf(reader: BrokerReader, topics: readonly TopicInfo[]): Promise<Record<string, string>> {
  const texts: Record<string, string> = {};
  for await (const batches of readTopics(reader, topics))
    for (const { topic, batch } of batches) {
      const text = Buffer.from(batch.payload).toString();
      expect([batch.baseOffset, batch.recordCount]).toEqual([
        Number(text.split('\n')[0]?.split('.')[1]),
        text.split('\n').length - 1,
      ]);
      texts[topic.topic] = (texts[topic.topic] ?? '') + text;
    }
  return texts;
}

describe('topics in stored order', () => {
  it('come whole, each message once, from the first that was listed to the last', async () => {
    const { reader, asked } = readerOf([
      [
        [1, 0, 4],
        [2, 0, 2],
        [9, 0, 3],
      ],
      [
        [1, 2, 4],
        [2, 0, 2],
        [2, 2, 9],
      ],
      [
        [3, 5, 1],
        [1, 6, 1],
      ],
      [],
      [],
    ]);
    expect(await textsOf(reader, [info(1, 1, 6), info(2, 0, 4), info(3, 5, 6), info(4, 7, 7)])).toEqual({
      'topic-1': textOf([1, 1, 5]),
      'topic-2': textOf([2, 0, 4]),
      'topic-3': textOf([3, 5, 1]),
    });
    // One answer ahead, and no further once all are complete.
    expect(asked.map(([, lsn]) => lsn)).toEqual([0, 1, 2, 3]);
  });

  it('are read by a stream where the scan leaves something out, which tells why', async () => {
    const rows: Row[][] = [
      [
        [1, 0, 2],
        [2, 3, 1],
      ],
    ];
    const topics = [info(1, 0, 2), info(2, 1, 4)];
    expect(await textsOf(readerOf(rows, [[2, 1, 3]]).reader, topics)).toEqual({
      'topic-1': textOf([1, 0, 2]),
      'topic-2': textOf([2, 1, 3]),
    });
    await expect(textsOf(readerOf(rows).reader, topics)).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' });
  });

  it('ask nothing when there is nothing to read', async () => {
    const { reader, asked } = readerOf([]);
    expect(await textsOf(reader, [info(1, 3, 3)])).toEqual({});
    expect(asked).toEqual([]);
  });

  it('are freed when the next ones are asked for', async () => {
    const payloads: Uint8Array[] = [];
    const { reader } = readerOf([[[1, 0, 2]], [[1, 2, 1]]]);
    for await (const batches of readTopics(reader, [info(1, 0, 3)]))
      payloads.push(...batches.map(({ batch }) => batch.payload));
    expect(payloads.map(({ length }) => length)).toEqual([0, 0]);
  });
});
