import { describe, expect, it } from '@jest/globals';
import type { GroupPosition, PartitionInfo, ReadRange, TopicReader } from '@pulses/connector-api';
import { positionRow, readLags, type PositionLag } from './positions';
import { groupLagsByIncarnation } from './topics';

const lagOf = (group: string, lag: number): PositionLag => ({
  lag,
  position: { group, topic: 's', incarnation: '1'.repeat(32), name: 'p', offset: 2, revision: 1, metadata: '' },
});

describe('positions that a deleted owner has left', () => {
  it('are listed without a group, in words on a terminal', () => {
    const { cells, json } = positionRow(lagOf('', 3));
    expect(cells[0]).toBe('(left by a deleted group)');
    expect(JSON.parse(json)).toMatchObject({ group: '', topic: 's', name: 'p' });
    expect(positionRow(lagOf('g', 3)).cells[0]).toBe('g');
  });

  it('are no lag of a group', () => {
    expect(groupLagsByIncarnation([lagOf('', 1), lagOf('g', 3)])).toEqual(
      new Map([['1'.repeat(32), new Map([['g', 3]])]]),
    );
  });
});

describe('the lag of a position', () => {
  const INCARNATION = 'a'.repeat(32);
  const PARTITION = { topic: 'source.pulses', partition: 0, incarnation: INCARNATION, startOffset: 3 };
  const positionAt = (offset: number) =>
    ({
      group: 'g',
      topic: 'source.pulses',
      partition: 0,
      incarnation: INCARNATION,
      name: 'grouped',
      offset,
      metadata: '',
    }) as const;
  /** A reader of one partition, whose messages are at the offsets given. */
  const readerOf = (info: PartitionInfo, position: GroupPosition, messages: readonly number[]) => {
    const ranges: ReadRange[] = [];
    const reader: Partial<TopicReader> = {
      positions: () => Promise.resolve([position]),
      topics: () => Promise.resolve([info]),
      async *read(_partition, range) {
        ranges.push(range);
        for (const baseOffset of messages)
          if (baseOffset >= range.fromOffset && baseOffset < range.untilOffset)
            yield [await Promise.resolve({ baseOffset, recordCount: 1, timestampMs: 0, payload: new Uint8Array() })];
      },
    };
    return { ranges, lag: async () => (await readLags(reader as TopicReader, ''))[0]?.lag };
  };

  it('counts messages, and not what else has an offset', async () => {
    const info = { ...PARTITION, nextOffset: 20 };
    expect(await readerOf(info, positionAt(18), [5, 17]).lag()).toBe(0);
    expect(await readerOf(info, positionAt(17), [5, 17]).lag()).toBe(1);
    expect(await readerOf(info, positionAt(0), [5, 17]).lag()).toBe(2);
  });

  it('counts offsets where they are many, or all of them are messages, and reads nothing', async () => {
    const many = readerOf({ ...PARTITION, nextOffset: 20_000 }, positionAt(18), []);
    expect([await many.lag(), many.ranges]).toEqual([19_982, []]);
    const { partition: _, ...whole } = PARTITION;
    const dense = readerOf({ ...whole, nextOffset: 20 }, positionAt(18), []);
    expect([await dense.lag(), dense.ranges]).toEqual([2, []]);
  });
});
