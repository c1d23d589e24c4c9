import { describe, expect, it } from '@jest/globals';
import { findGroup } from './groups-delete';

const groupOf = (group: string, source: string) => `${group}@${source}`;

const groups = ['a@source', 'b@source', 'b@other', 'c'].map((group) => ({ group, epoch: 1, sources: [] }));

describe('the group that groups delete is given', () => {
  it('is found by its name, or by the part before the source', () => {
    expect(findGroup(groups, 'c', groupOf).group).toBe('c');
    expect(findGroup(groups, 'b@other', groupOf).group).toBe('b@other');
    expect(findGroup(groups, 'a', groupOf).group).toBe('a@source');
  });

  it('is not one whose name merely starts in the same way', () => {
    const [group, sources] = ['a@b@source', ['source']];
    expect(() => findGroup([{ group, epoch: 1, sources }], 'a', groupOf)).toThrow('no such group');
    expect(findGroup([{ group, epoch: 1, sources }], 'a@b', groupOf).group).toBe(group);
  });

  it('is refused when several groups have it, naming them, or when there is none', () => {
    expect(() => findGroup(groups, 'b', groupOf)).toThrow('one of b@source, b@other');
    expect(() => findGroup(groups, 'nosuch', groupOf)).toThrow('no such group');
  });
});
