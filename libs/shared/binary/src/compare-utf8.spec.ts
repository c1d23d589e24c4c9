import { describe, expect, it } from '@jest/globals';
import { compareUtf8 } from './compare-utf8';

describe('the order of texts by their UTF-8 bytes', () => {
  it('is that of the encoded bytes, also above U+FFFF', () => {
    const texts = ['', 'a', 'a\uffff', 'a\u{1f600}', 'ab', 'b', 'é', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}'];
    for (const left of texts) {
      for (const right of texts) {
        const expected = Buffer.compare(Buffer.from(left), Buffer.from(right));
        expect([left, right, Math.sign(compareUtf8(left, right))]).toEqual([left, right, expected]);
      }
    }
  });
});
