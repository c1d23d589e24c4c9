import { describe, expect, it } from '@jest/globals';
import type { GroupKey, StoredGroup } from '@pulses/broker-wire';
import { readGroups } from './group-pages';

const group = (name: string, ...sources: string[]): StoredGroup => ({ group: name, epoch: 1, sources });

describe('reading groups', () => {
  it('asks for what follows the last group and source, and puts the parts of a group together', async () => {
    const asked: GroupKey[] = [];
    const pages = [[group('a'), group('b', 'p', 'q')], [group('b', 'r'), group('c')], [group('d', 's')]];
    const groups = await readGroups((after) => {
      asked.push(after);
      return Promise.resolve({ groups: pages[asked.length - 1] ?? [], more: asked.length < pages.length });
    });
    expect(groups).toEqual([group('a'), group('b', 'p', 'q', 'r'), group('c'), group('d', 's')]);
    expect(asked).toEqual([
      { group: '', source: '' },
      { group: 'b', source: 'q' },
      { group: 'c', source: '' },
    ]);
  });

  it('ends with an empty page', async () => {
    expect(await readGroups(() => Promise.resolve({ groups: [], more: false }))).toEqual([]);
  });
});
