import { describe, expect, it } from '@jest/globals';
import { workspaceRoot } from '@pulses/testing-processes';
import { globSync } from 'node:fs';
import { CATEGORIES, categoriesOf, modulesOf, summarise, type CpuProfile } from './cpu-profile';

const BUNDLE = '/dist/apps/broker/main.js';
const BUNDLE_TEXT = `"use strict";
// libs/shared/pulse-model/src/pulse-reader.ts
function read() {}
  // libs/stream/pipeline/src/session-run.ts
function run() {}
// a comment of the program
function run2() {}
`;

const frame = (functionName: string, lineNumber = -1, url = '') => ({ functionName, url, lineNumber });
const node = (id: number, callFrame: ReturnType<typeof frame>, children: number[] = []) => ({
  id,
  callFrame,
  children,
});

const PROFILE: CpuProfile = {
  nodes: [
    node(1, frame('(root)'), [2, 3, 4, 5, 8, 10]),
    node(2, frame('(idle)')),
    node(3, frame('(garbage collector)')),
    node(4, frame('(program)')),
    node(5, frame('run', 4, `file://${BUNDLE}`), [6, 7]),
    node(6, frame('read', 2, `file://${BUNDLE}`), [9]),
    node(7, frame('writev', 100, 'node:fs')),
    node(8, frame('onStreamRead', 3, 'node:internal/stream_base_commons')),
    node(9, frame('utf8Slice')),
    node(10, frame('bootstrap', 7, 'node:internal/main')),
  ],
  samples: [2, 3, 4, 5, 6, 7, 8, 9, 10],
  timeDeltas: [100, 20, 10, 5, 6, 7, 8, 9, 1],
};

describe('a CPU profile', () => {
  const summary = summarise(PROFILE, BUNDLE, modulesOf(BUNDLE_TEXT));

  it('is summed by category: that of the function, or of its nearest caller with one', () => {
    expect(Object.fromEntries(summary.categories)).toEqual({
      idle: 100,
      GC: 20,
      'native, outside of any function': 10,
      pipeline: 5 + 7,
      parse: 6 + 9,
      socket: 8,
      'start, stop and the rest': 1,
    });
    expect(summary.totalMicros).toBe(166);
  });

  it('is summed by function and file; native calls count for their caller', () => {
    expect(summary.functions.get('read pulse-reader.ts')).toBe(6 + 9);
    expect(summary.functions.get('run session-run.ts')).toBe(5);
    expect([...summary.functions.keys()].filter((name) => name.startsWith('('))).toEqual([]);
  });

  it('lists its categories, engine and rest last', () => {
    expect(categoriesOf([summary])).toEqual([
      'parse',
      'socket',
      'pipeline',
      'GC',
      'idle',
      'native, outside of any function',
      'start, stop and the rest',
    ]);
  });
});

describe('the categories', () => {
  const sources = globSync(['apps/*/src/**/*.ts', 'libs/*/*/src/**/*.ts'], {
    cwd: workspaceRoot(),
    exclude: ['**/*.spec.ts', '**/testing/**'],
  });
  // Node loads the modules of its network library with it.
  const loaded = (process as unknown as { readonly moduleLoadList: readonly string[] }).moduleLoadList;
  const modules = loaded.map((name) => name.replace(/^(NativeModule|Internal Binding) /, 'node:'));
  const starts = CATEGORIES.flatMap(([, paths]) => paths);

  it.each(starts)('name code that exists: %s', (start) => {
    expect([...sources, ...modules].some((path) => path.startsWith(start))).toBe(true);
  });
});

describe('a bundle', () => {
  it('shows where each file starts, by the comments of the bundler alone', () => {
    expect(modulesOf(BUNDLE_TEXT)).toEqual([
      { line: 1, path: 'libs/shared/pulse-model/src/pulse-reader.ts' },
      { line: 3, path: 'libs/stream/pipeline/src/session-run.ts' },
    ]);
  });
});
