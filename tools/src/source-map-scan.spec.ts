import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SourceMap } from 'node:module';
import { originsOf, type Origin, type Place } from './source-map-scan';

interface Segment extends Place {
  readonly origin?: Origin;
  readonly hasName: boolean;
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const SOURCES = ['a.ts', 'b.ts', 'c.ts'];

function numberText(value: number): string {
  let text = '';
  let left = value < 0 ? (-value << 1) | 1 : value << 1;
  do {
    text += DIGITS[(left & 31) | (left > 31 ? 32 : 0)] ?? '';
    left >>= 5;
  } while (left > 0);
  return text;
}

/** Of segments in order. */
function mappingsOf(segments: readonly Segment[]): string {
  let text = '';
  let [line, column] = [0, 0];
  let last: Origin = { source: 0, line: 0, column: 0 };
  for (const segment of segments) {
    if (segment.line > line) [text, column] = [text + ';'.repeat(segment.line - line), 0];
    else if (text !== '') text += ',';
    text += numberText(segment.column - column);
    [line, column] = [segment.line, segment.column];
    const { origin, hasName } = segment;
    if (origin === undefined) continue;
    const differences = [origin.source - last.source, origin.line - last.line, origin.column - last.column];
    text += [...differences, ...(hasName ? [0] : [])].map(numberText).join('');
    last = origin;
  }
  // Node takes a last segment without an origin for one with it, unless the line ends.
  return `${text};`;
}

const place = { line: fc.nat(12), column: fc.nat(1_200) };
const anyPlace: fc.Arbitrary<Place> = fc.record(place);
const anyOrigin: fc.Arbitrary<Origin> = fc.record({ source: fc.nat(2), line: fc.nat(70_000), column: fc.nat(2_000) });
const anySegment: fc.Arbitrary<Segment> = fc.record(
  { ...place, origin: anyOrigin, hasName: fc.boolean() },
  { requiredKeys: ['line', 'column', 'hasName'] },
);
const anySegments = fc
  .uniqueArray(anySegment, { selector: ({ line, column }) => `${line}:${column}`, maxLength: 60 })
  .map((segments) => segments.sort((a, b) => a.line - b.line || a.column - b.column));

describe('the scan of a source map', () => {
  it("finds the origins that Node's SourceMap finds", () => {
    fc.assert(
      fc.property(anySegments, fc.array(anyPlace), (segments, places) => {
        const mappings = mappingsOf(segments);
        const asked = [...places, ...segments];
        const found = originsOf(mappings, asked);
        const map = new SourceMap({
          version: 3,
          file: '',
          sources: SOURCES,
          sourcesContent: [],
          names: ['n'],
          mappings,
          sourceRoot: '',
        });
        for (const each of asked) {
          const entry = map.findEntry(each.line, each.column);
          const origin = found.get(each);
          const text = origin && [SOURCES[origin.source], origin.line, origin.column];
          const { originalSource, originalLine, originalColumn } = entry as {
            originalSource?: string;
            originalLine?: number;
            originalColumn?: number;
          };
          expect(text).toEqual(
            originalSource === undefined ? undefined : [originalSource, originalLine, originalColumn],
          );
        }
      }),
    );
  });

  it('tells nothing of places before the first segment, and of those in an empty map', () => {
    const [before, at, behind] = [
      { line: 0, column: 3 },
      { line: 0, column: 4 },
      { line: 7, column: 0 },
    ];
    // Column 4 of line 0 is line 2, column 1 of the first source.
    expect([...originsOf('IAEC', [behind, before, at])]).toEqual([
      [at, { source: 0, line: 2, column: 1 }],
      [behind, { source: 0, line: 2, column: 1 }],
    ]);
    expect(originsOf('', [at]).size).toBe(0);
  });
});
