import { describe, expect, it } from '@jest/globals';
import { topicRow } from './topics';

const TOPIC = {
  topic: 't',
  incarnation: '1'.repeat(32),
  startOffset: 7,
  nextOffset: 9,
  bytes: 20,
  firstTimestampMs: 1_000,
  lastTimestampMs: 2_000,
};

describe('the row of a topic', () => {
  it('has the offsets of the first and last message', () => {
    const { cells, json } = topicRow(TOPIC, new Map([['g', 1]]));
    expect(cells.slice(0, 5)).toEqual(['t', '2', '20', '7', '8']);
    expect(JSON.parse(json)).toMatchObject({ messages: 2, first_offset: 7, last_offset: 8, lags: { g: 1 } });
  });

  it('has the offset at which an emptied topic goes on', () => {
    const emptied = { ...TOPIC, startOffset: 9, bytes: 0, firstTimestampMs: 0, lastTimestampMs: 0 };
    const { cells, json } = topicRow(emptied, new Map());
    expect(cells.slice(0, 5)).toEqual(['t', '0', '0', '9', '–']);
    expect(JSON.parse(json)).toMatchObject({ messages: 0, first_offset: 9, last_offset: null, first_time: null });
  });
});
