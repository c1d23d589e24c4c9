import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERROR_CATALOGUE } from './catalogue';

const DOCUMENT = 'docs/errors.md';
const text = readFileSync(join(__dirname, '../../../..', DOCUMENT), 'utf8');
const rows = [...text.matchAll(/^\| `([A-Z_]+)` \| (.*?) \| (.*?) \| (.*?) \|$/gm)].map(
  ([, code = '', meaning = '', retriable = '', action = '']) => ({ code, meaning, retriable, action }),
);

describe(DOCUMENT, () => {
  it('has the columns that its rows are read by', () => {
    expect(text).toContain('| code | meaning | retriable | what to do |');
  });

  it('has one row for each code of the catalogue, in its order, and no other', () => {
    expect(rows.map(({ code }) => code)).toEqual(Object.keys(ERROR_CATALOGUE));
  });

  it.each(Object.entries(ERROR_CATALOGUE))(
    'says of %s what the catalogue says',
    (code, { meaning, retriable, action }) => {
      const row = rows.find((one) => one.code === code);
      expect(row).toEqual({ code, meaning, retriable: retriable ? 'yes' : 'no', action });
    },
  );
});
