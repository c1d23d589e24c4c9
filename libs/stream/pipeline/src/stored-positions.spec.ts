import { describe, expect, it } from '@jest/globals';
import { firstPositions, readPositions, resumePointOf, windowedPosition } from './stored-positions';

const stored = (groupedOffset: number, windowedOffset: number) => ({
  groupedOffset,
  windowedOffset,
  progress: undefined,
});

describe('stored positions', () => {
  it('are the start of the source where none is stored', () => {
    expect(readPositions({ positions: new Map(), startOffset: 7 })).toEqual(stored(7, 7));
  });

  it('get windowed at the start with the first commit, once', () => {
    const windowed = windowedPosition(7, undefined);
    expect([...firstPositions({ positions: new Map(), startOffset: 7 })]).toEqual([['windowed', windowed]]);
    expect(firstPositions({ positions: new Map([['windowed', windowed]]), startOffset: 9 }).size).toBe(0);
  });

  it.each(['tenant', 'appearance'] as const)('come back as they were written, with keys emitted by %s', (order) => {
    const progress = { windowStartMs: 5_000, windowMs: 1_000, emittedKeys: 3, order };
    const positions = new Map([['windowed', windowedPosition(9, progress)]]);
    expect(readPositions({ positions, startOffset: 0 })).toEqual({ groupedOffset: 0, windowedOffset: 9, progress });
  });

  it.each(['{', '{}', '{"window_start_ms":0,"window_ms":0,"emitted_keys":1}', 'null'])(
    'are refused when the metadata is %s',
    (metadata) => {
      const positions = new Map([['windowed', { offset: 1, metadata }]]);
      expect(() => readPositions({ positions, startOffset: 0 })).toThrow(
        expect.objectContaining({ code: 'PROTOCOL_VIOLATION' }),
      );
    },
  );
});

describe('the point where a session resumes', () => {
  it.each([
    ['an engine that has kept nothing reads the window again', stored(20, 10), undefined, [10, 20, 10]],
    ['an engine behind the lines reads from where it is', stored(20, 10), 15, [15, 20, 15]],
    ['an engine ahead of the lines reads from where they are', stored(20, 10), 25, [20, 20, 25]],
    ['lines behind the window are never written again', stored(5, 10), undefined, [10, 10, 10]],
  ])('is right: %s', (_title, positions, keptOffset, [readFrom, groupedOffset, summedOffset]) => {
    expect(resumePointOf(positions, keptOffset)).toEqual({ readFrom, groupedOffset, summedOffset });
  });
});
