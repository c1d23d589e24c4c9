import { describe, expect, it } from '@jest/globals';
import { createState } from '../commit/log-state';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint-codec';

const IDENTITY = { logId: new Uint8Array(12).fill(7), seed: 3 };
const INFO = { startOffset: 1, nextOffset: 2 ** 40, bytes: 3, firstTimestampMs: 4, lastTimestampMs: 5 };

describe('a checkpoint', () => {
  it('holds the topics that are stored, by id, and not those that are staged or deleted', () => {
    const state = createState(IDENTITY.logId, () => 0);
    const { topics } = state;
    for (const [id, name] of ['a', 'gone', 'ü/x', 'd'.repeat(200)].entries()) topics.create(id + 1, name);
    topics.restore(topics.rowOf(3), INFO);
    topics.remove(topics.rowOf(2));
    // Its row is one of before.
    topics.stage('staged');
    topics.create(6, 'again');
    const bytes = encodeCheckpoint({ identity: IDENTITY, state, frameCrc: 9 });
    const found = decodeCheckpoint(bytes, () => 0);
    const rows = found?.state.topics.storedRows() ?? [];
    expect(Array.from(rows, (row) => found?.state.topics.info(row))).toMatchObject([
      { topic: 'a' },
      { topic: 'ü/x', ...INFO },
      { topic: 'd'.repeat(200) },
      { topic: 'again', startOffset: 0, nextOffset: 0 },
    ]);
    expect(found?.state.topics.nextId).toBe(topics.nextId);
    for (let at = 0; at < bytes.length; at += 1) {
      bytes[at]! ^= 1; // in range
      expect(decodeCheckpoint(bytes, () => 0)).toBeUndefined();
      bytes[at]! ^= 1;
    }
  });
});
