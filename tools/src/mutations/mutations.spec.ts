import { describe, expect, it } from '@jest/globals';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WORKSPACE_ROOT } from '../testing/scratch-workspace';
import { applyEdit } from './mutation';
import { MUTATIONS } from './mutations';

const read = (path: string) => readFileSync(join(WORKSPACE_ROOT, path), 'utf8');

describe('the list of mutations', () => {
  it('has every bug that the tests must notice', () => {
    expect([...new Set(MUTATIONS.map(({ number }) => number))].sort((left, right) => left - right)).toEqual([
      1, 2, 3, 4, 5, 11, 12, 13, 15, 16, 21, 22, 23, 24, 25, 26,
    ]);
  });

  it.each(MUTATIONS)('still applies: $number, $bug', ({ edits }) => {
    for (const edit of edits) expect(applyEdit(read(edit.file), edit)).not.toBe(read(edit.file));
  });

  it.each(MUTATIONS)('names a test that exists: $number, $bug', ({ test }) => {
    expect(existsSync(join(WORKSPACE_ROOT, test.project, 'project.json'))).toBe(true);
    const files = globSync(`${test.project}/src/**/*${test.files}*.spec.ts`, { cwd: WORKSPACE_ROOT });
    const { casesIn } = test;
    expect(files).not.toEqual([]);
    const cases = casesIn === undefined ? files : [casesIn];
    expect(cases.filter((file) => read(file).includes(test.name))).toHaveLength(1);
  });
});

describe('an edit', () => {
  const edit = { file: 'f', find: 'a$b', replace: '$&' };

  it('inserts its text as it stands', () => {
    expect(applyEdit('x a$b y', edit)).toBe('x $& y');
  });

  it.each(['x', 'a$b a$b'])('refuses %j, where the text does not occur once', (text) => {
    expect(() => applyEdit(text, edit)).toThrow(/expected once/);
  });
});
