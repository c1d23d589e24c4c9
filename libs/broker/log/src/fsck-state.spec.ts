import { describe, expect, it } from '@jest/globals';
import type { Entry } from './entries';
import type { Frame } from './frame';
import { createTolerantState } from './fsck-state';
import { createState } from './state';

const TOPIC = { kind: 'topic-created', topicId: 1, topic: 'source', incarnation: '0'.repeat(32) } as const;

function frame(lsn: number, ...entries: Entry[]): Frame {
  return { lsn, syncedUpTo: 0, timestampMs: 1, previousCrc: 0, crc: 0, frameLength: 0, entriesLength: 0, entries };
}

function positionAt(offset: number): Entry {
  return {
    kind: 'positions-set',
    group: 'g',
    topicId: 1,
    positions: [{ name: 'p', offset, revision: 1, metadata: '' }],
  };
}

describe('a position beyond the end of its topic', () => {
  it.each([
    ['behind lost frames says how far the topic went', true, 500, 500],
    ['behind lost frames says nothing when it is out of all proportion', true, 2 ** 50, 0],
    ['says nothing while no frame is lost', false, 500, 0],
  ])('%s', (_, areFramesLost, offset, nextOffset) => {
    const tolerant = createTolerantState(createState());
    const mismatches: string[] = [];
    tolerant.apply(frame(1, TOPIC), (what) => mismatches.push(what));
    if (areFramesLost) tolerant.lostFrames(new Map());
    tolerant.apply(frame(3, positionAt(offset)), (what) => mismatches.push(what));
    expect(mismatches).toEqual([]);
    expect(tolerant.state.topicsByName.get('source')?.nextOffset).toBe(nextOffset);
  });
});
