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
  it('has the expected columns', () => {
    expect(text).toContain('| code | meaning | retriable | what to do |');
  });

  it('has exactly the rows of the catalogue, in its order', () => {
    expect(rows.map(({ code }) => code)).toEqual(Object.keys(ERROR_CATALOGUE));
  });

  it.each(Object.entries(ERROR_CATALOGUE))(
    'describes %s as the catalogue does',
    (code, { meaning, retriable, action }) => {
      const row = rows.find((one) => one.code === code);
      expect(row).toEqual({ code, meaning, retriable: retriable ? 'yes' : 'no', action });
    },
  );
});
