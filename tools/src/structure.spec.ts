// Files and folders stay small enough to be read at a sitting.

import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { WORKSPACE_ROOT, workspaceFiles } from './testing/scratch-workspace';

const LINES_MAX = 400;
const FILES_MAX = 20;

const isTest = (path: string) => /\.spec\.ts$|\/(testing|bench)\//.test(path);

const sources = workspaceFiles().filter((path) => /\.[cm]?ts$/.test(path));
const linesOf = (path: string) => readFileSync(join(WORKSPACE_ROOT, path), 'utf8').split('\n').length - 1;

describe('the sources', () => {
  it('are found', () => {
    expect(sources.length).toBeGreaterThan(300);
  });

  it(`have at most ${LINES_MAX} lines in a production file`, () => {
    const long = sources.filter((path) => !isTest(path)).map((path) => ({ path, lines: linesOf(path) }));
    expect(long.filter(({ lines }) => lines > LINES_MAX)).toEqual([]);
  });

  it(`have at most ${FILES_MAX} production files in a folder`, () => {
    const counts = new Map<string, number>();
    for (const path of sources) if (!isTest(path)) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1);
    expect([...counts].filter(([, count]) => count > FILES_MAX)).toEqual([]);
  });
});
