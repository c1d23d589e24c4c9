// Part of every bundle: stack traces name the TypeScript file and line instead of main.js.
//
// Guarantees: works in each thread, and without a flag of Node, which registers a file's map only when source maps were on
// before the file was loaded. The map (main.js.map, beside the bundle) is read when the first stack trace is asked for, so it
// costs nothing at start. A bundle without its map runs alone; its traces then name main.js.
// Bounds: the parsed map is held weakly, so memory gets it back.

import { readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { dirname, resolve } from 'node:path';

let parsed: WeakRef<SourceMap> | undefined;
let isMissing = false;

function sourceMap(): SourceMap | undefined {
  const held = parsed?.deref();
  if (held !== undefined || isMissing) return held;
  try {
    const map = new SourceMap(JSON.parse(readFileSync(`${__filename}.map`, 'utf8')) as SourceMapPayload);
    parsed = new WeakRef(map);
    return map;
  } catch {
    isMissing = true;
    return undefined;
  }
}

/** The frame's text, with the position in the sources where the map knows it. */
function frameText(frame: NodeJS.CallSite & { toString(): string }): string {
  const text = frame.toString();
  const [line, column] = [frame.getLineNumber(), frame.getColumnNumber()];
  if (frame.getFileName() !== __filename || line === null || column === null) return text;
  const entry = sourceMap()?.findEntry(line - 1, column - 1);
  if (entry === undefined || !('originalSource' in entry)) return text;
  const { originalSource, originalLine, originalColumn } = entry;
  const path = resolve(dirname(__filename), originalSource);
  return text.replace(`${__filename}:${line}:${column}`, () => `${path}:${originalLine + 1}:${originalColumn + 1}`);
}

function headOf(error: Error): string {
  try {
    return Error.prototype.toString.call(error);
  } catch {
    return 'Error';
  }
}

// With --enable-source-maps Node does the same by itself.
if (!process.sourceMapsEnabled)
  Error.prepareStackTrace = (error, frames) =>
    [headOf(error), ...frames.map((frame) => `    at ${frameText(frame)}`)].join('\n');
