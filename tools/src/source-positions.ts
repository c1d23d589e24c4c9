// Part of every bundle: stack traces name the TypeScript file and line instead of main.js.
//
// Guarantees: works in each thread, and without a flag of Node. Node registers a file's map only when source maps were
// on before the file was loaded. The map (main.js.map, beside the bundle) is read when a stack trace has a place that
// none had before, so it costs nothing at start. A bundle without its map runs alone; its traces then name main.js.
// Bounds: keeps a text for each place that a trace has had, and nothing of the map. Node asks for the trace of each error
// that closes a socket: clients that vanish make it ask thousands of times for few places.

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { originsOf, type Place } from './source-map-scan';

/** From `line:column` in the bundle to file, line and column of the source. */
const known = new Map<string, string>();
let isMissing = false;

/** Counts from 1, as traces and editors do. */
function textOf({ line, column }: Place): string {
  return `${line + 1}:${column + 1}`;
}

/** Of a frame in the bundle. */
function placeOf(frame: NodeJS.CallSite): Place | undefined {
  const [line, column] = [frame.getLineNumber(), frame.getColumnNumber()];
  if (frame.getFileName() !== __filename || line === null || column === null) return undefined;
  return { line: line - 1, column: column - 1 };
}

function lookUp(frames: readonly NodeJS.CallSite[]): void {
  const places = frames.map(placeOf).filter((place) => place !== undefined && !known.has(textOf(place))) as Place[];
  if (isMissing || places.length === 0) return;
  try {
    const map = JSON.parse(readFileSync(`${__filename}.map`, 'utf8')) as { sources: string[]; mappings: string };
    const origins = originsOf(map.mappings, places);
    for (const place of places) {
      const origin = origins.get(place);
      const path = origin === undefined ? __filename : resolve(dirname(__filename), map.sources[origin.source] ?? '');
      known.set(textOf(place), `${path}:${textOf(origin ?? place)}`);
    }
  } catch {
    isMissing = true;
  }
}

/** The frame's text, with the position in the sources where the map knows it. */
function frameText(frame: NodeJS.CallSite & { toString(): string }): string {
  const [text, place] = [frame.toString(), placeOf(frame)];
  const position = place === undefined ? undefined : known.get(textOf(place));
  if (place === undefined || position === undefined) return text;
  return text.replace(`${__filename}:${textOf(place)}`, () => position);
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
  Error.prepareStackTrace = (error, frames) => {
    lookUp(frames);
    return [headOf(error), ...frames.map((frame) => `    at ${frameText(frame)}`)].join('\n');
  };
