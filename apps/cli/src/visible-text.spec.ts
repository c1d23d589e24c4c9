import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { renderTable } from './listing';
import { visibleBytes, visibleJson, visibleText } from './visible-text';

const STEERING = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u;

describe('text for a terminal', () => {
  it('shows what could steer it as an escape', () => {
    expect(visibleText('a\u001b[2Jb\u202ec\u009bd\ne')).toBe('a\\u{1b}[2Jb\\u{202e}c\\u{9b}d\\u{a}e');
    expect(visibleText('ünï 漢字')).toBe('ünï 漢字');
  });

  it('shows bytes that are no text one by one', () => {
    expect(visibleBytes(Buffer.from('a\u001b[2Jü'))).toBe('a\\u{1b}[2Jü');
    const bytes = Buffer.concat([
      Buffer.from('ü漢😀'),
      Buffer.from([0xff, 0xc3]),
      Buffer.from('b\n'),
      Buffer.from([0xe6, 0xbc]),
    ]);
    expect(visibleBytes(bytes)).toBe('ü漢😀\\xff\\xc3b\\u{a}\\xe6\\xbc');
  });

  it('as JSON holds nothing that steers, and still says the same', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('\u001b', '\u007f', '\u009b', '\u202e', '\u2066', '"', 'a', '漢') }),
        (text) => {
          const json = visibleJson({ text });
          expect(json).not.toMatch(STEERING);
          expect(JSON.parse(json)).toEqual({ text });
        },
      ),
    );
  });

  it('in a table is escaped and aligned', () => {
    const columns = [
      { title: 'name', align: 'left' },
      { title: 'count', align: 'right' },
    ] as const;
    expect(
      renderTable(columns, [
        ['a\u001bb', '1'],
        ['c', '1,000'],
      ]),
    ).toBe(['name      count', 'a\\u{1b}b      1', 'c         1,000'].join('\n'));
  });
});
