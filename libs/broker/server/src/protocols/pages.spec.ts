import { describe, expect, it } from '@jest/globals';
import { encodeResponse, FRAME_BYTES_MAX, type StoredGroup } from '@pulses/broker-wire';
import { pageOfGroups, SOURCES_LISTED_MAX } from './pages';

const named = (index: number) => `${index}`.padStart(240, '0');

describe('a page of groups', () => {
  it('lists those behind a name, in the order of their bytes', () => {
    const groups = ['b', 'a', 'ü', 'c'].map((group) => ({ group, epoch: 1, sources: ['z', 'y'] }));
    const namesOf = (page: ReturnType<typeof pageOfGroups>) => page.groups.map(({ group }) => group);
    expect(namesOf(pageOfGroups(groups, { after: '', limit: 10 }))).toEqual(['a', 'b', 'c', 'ü']);
    const page = pageOfGroups(groups, { after: 'a', limit: 2 });
    expect([namesOf(page), page.more, page.groups[0]?.sources]).toEqual([['b', 'c'], true, ['y', 'z']]);
  });

  it('fits a frame, however many sources the groups have claimed, and the pages leave none out', () => {
    const sources = Array.from({ length: SOURCES_LISTED_MAX + 1 }, (_, index) => named(index));
    const groups: StoredGroup[] = Array.from({ length: 100 }, (_, index) => ({
      group: named(index),
      epoch: 1,
      sources,
    }));
    const seen: string[] = [];
    for (let page = { groups: [] as StoredGroup[], more: true }; page.more;) {
      page = pageOfGroups(groups, { after: seen.at(-1) ?? '', limit: 1_000 });
      const response = { type: 'groups', ...page } as const;
      expect(Buffer.concat(encodeResponse(1, response)).length).toBeLessThan(FRAME_BYTES_MAX);
      seen.push(...page.groups.map(({ group }) => group));
      for (const group of page.groups) expect(group.sources).toEqual(sources.slice(0, SOURCES_LISTED_MAX));
    }
    expect(seen).toEqual(groups.map(({ group }) => group));
  });
});
