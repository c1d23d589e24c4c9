// The table of projects in docs/architecture.md, which a spec compares with the workspace.

import type { Tree } from '@nx/devkit';
import { dirname } from 'node:path';

export const DOCUMENT = 'docs/architecture.md';
const ROWS = /(?<=^## Projects\n\n\| folder .*\n\|[-|]+\n)(?:\|.*\n)+/m;

export interface Row {
  /** Path from the workspace root, such as `libs/connector/kafka`. */
  readonly root: string;
  readonly name: string;
  readonly description: string;
}

/** Writes the row behind the last one of the same folder, else before `tools`. @throws Error without the table */
export function addRow(tree: Tree, { root, name, description }: Row): void {
  const text = tree.read(DOCUMENT, 'utf8') ?? '';
  const rows = ROWS.exec(text)?.[0].split('\n');
  if (rows === undefined) throw new Error(`${DOCUMENT}: no table of projects to add a row to`);
  const last = rows.findLastIndex((row) => row.startsWith(`| \`${dirname(root)}/`));
  const index = last < 0 ? rows.findIndex((row) => row.startsWith('| `tools`')) : last + 1;
  const written = rows.toSpliced(index, 0, `| \`${root}\` | \`${name}\` | ${description} |`).join('\n');
  tree.write(
    DOCUMENT,
    text.replace(ROWS, () => written),
  );
}
