import { describe, expect, it } from '@jest/globals';
import { encodeResponse, FRAME_BYTES_MAX, type GroupKey, type StoredGroup } from '@pulses/broker-wire';
import { pageOfGroups } from './pages';

const START: GroupKey = { group: '', source: '' };
const group = (name: string, ...sources: string[]): StoredGroup => ({ group: name, epoch: 1, sources });
const named = (index: number) => `${index}`.padStart(240, '0');
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

describe('a page of groups', () => {
  it('lists those behind a name, in the order of their bytes', () => {
    const groups = ['b', 'a', 'ü', 'c'].map((name) => group(name, 'z', 'y'));
    const namesOf = (page: ReturnType<typeof pageOfGroups>) => page.groups.map((stored) => stored.group);
    expect(namesOf(pageOfGroups(groups, { after: START, limit: 10 }))).toEqual(['a', 'b', 'c', 'ü']);
    const page = pageOfGroups(groups, { after: { group: 'a', source: 'z' }, limit: 2 });
    expect([namesOf(page), page.more, page.groups[0]?.sources]).toEqual([['b', 'c'], true, ['y', 'z']]);
    expect(pageOfGroups(groups, { after: { group: 'c', source: 'z' }, limit: 1 })).toEqual({
      groups: [group('ü', 'y', 'z')],
      more: false,
    });
  });

  it('goes on with the sources of a group behind a source, and with the next group behind no source', () => {
    const groups = [group('a', 'q', 'r', 'p'), group('b', 'x')];
    const listedAfter = (name: string, source: string) =>
      pageOfGroups(groups, { after: { group: name, source }, limit: 10 }).groups;
    expect(listedAfter('a', 'p')).toEqual([group('a', 'q', 'r'), group('b', 'x')]);
    expect(listedAfter('a', 'r')).toEqual([group('b', 'x')]);
    expect(listedAfter('a', '')).toEqual([group('b', 'x')]);
  });

  it('fits a frame, however many sources the groups have claimed, and the pages leave none out', () => {
    const many = numbers(20_000).map(named);
    const groups = numbers(50).map((index) => group(named(index), ...many.slice(0, index === 7 ? Infinity : index)));
    const seen: string[] = [];
    let pages = 0;
    let after = START;
    for (let page = { groups: [] as StoredGroup[], more: true }; page.more;) {
      page = pageOfGroups(groups, { after, limit: 1_000 });
      pages += 1;
      const response = { type: 'groups', ...page } as const;
      expect(Buffer.concat(encodeResponse(1, response)).length).toBeLessThan(FRAME_BYTES_MAX);
      for (const listed of page.groups) {
        seen.push(...listed.sources.map((source) => `${listed.group} ${source}`));
        after = { group: listed.group, source: listed.sources.at(-1) ?? '' };
      }
    }
    expect(pages).toBeGreaterThan(1);
    expect(seen).toEqual(groups.flatMap((stored) => stored.sources.map((source) => `${stored.group} ${source}`)));
  });

  it('holds a source at least of its last group, so that the next page goes on with it', () => {
    // The names of the first group are as long as a page may be.
    const groups = [group('a', 'x'.repeat(4 * 1024 * 1024 - 2)), group('b', 'p', 'q')];
    const page = pageOfGroups(groups, { after: START, limit: 10 });
    expect([page.groups[1], page.more]).toEqual([group('b', 'p'), true]);
  });
});
