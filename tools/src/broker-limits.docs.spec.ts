import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WORKSPACE_ROOT } from './testing/scratch-workspace';

const read = (path: string) => readFileSync(join(WORKSPACE_ROOT, path), 'utf8');

/** Limits by name, as products of literals: no project of this kind may import the server. */
const declared = new Map(
  [...read('libs/broker/server/src/limits/server-limits.ts').matchAll(/^ {2}(\w+): ([\d_]+(?: \* [\d_]+)*),$/gm)].map(
    ([, name = '', product = '']) => [
      name,
      product.split(' * ').reduce((value, factor) => value * Number(factor.replaceAll('_', '')), 1),
    ],
  ),
);

describe('the limits of a connection in docs/formats/broker-protocol.md', () => {
  const rows = [...read('docs/formats/broker-protocol.md').matchAll(/^\| `([a-z]\w+)` \| (\d+) \|/gm)];

  it('are found', () => {
    expect(rows.length).toBeGreaterThanOrEqual(11);
  });

  it.each(rows.map(([, name = '', value]) => ({ name, value: Number(value) })))(
    '$name is $value in the server',
    ({ name, value }) => {
      expect(declared.get(name)).toBe(value);
    },
  );
});
