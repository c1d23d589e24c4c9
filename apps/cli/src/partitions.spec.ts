import { describe, expect, it } from '@jest/globals';
import { chosenPartitions } from './partitions';

const infoOf = (partition?: number) => ({ topic: 't', partition, incarnation: 'i', startOffset: 0, nextOffset: 0 });
const none = { from: undefined, to: undefined };
const several = [infoOf(0), infoOf(1)];

describe('the partitions of a command', () => {
  it('are all, or the one asked for', () => {
    expect(chosenPartitions(several, { offsets: none })).toEqual(several);
    expect(chosenPartitions(several, { partition: 1, offsets: none })).toEqual([infoOf(1)]);
    expect(chosenPartitions([], { partition: 1, offsets: none })).toEqual([]);
  });

  it('are refused when there is no such one', () => {
    expect(() => chosenPartitions(several, { partition: 2, offsets: none })).toThrow("'2' is not valid: one of 0, 1");
    expect(() => chosenPartitions([infoOf()], { partition: 0, offsets: none })).toThrow('one of none');
  });

  it('take an offset only when it is of one', () => {
    const offsets = { from: 7, to: undefined };
    expect(() => chosenPartitions(several, { offsets })).toThrow("--from: '7' is not valid");
    expect(chosenPartitions(several, { partition: 0, offsets })).toEqual([infoOf(0)]);
    expect(chosenPartitions([infoOf()], { offsets })).toEqual([infoOf()]);
  });
});
