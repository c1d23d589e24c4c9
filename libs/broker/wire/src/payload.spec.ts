import { describe, expect, it } from '@jest/globals';
import { isPulsesError } from '@pulses/shared-errors';
import { SCALE } from '@pulses/testing-scale';
import fc from 'fast-check';
import { checkPayload, checkTopicName, recordEnds, skipRecords } from './payload';

const anyMessages = fc.array(fc.stringMatching(/^[a-z\r ]{1,12}$/), { minLength: 1, maxLength: 20 });
const payloadOf = (messages: readonly string[]) => Buffer.from(messages.map((message) => `${message}\n`).join(''));

const codeOf = (run: () => void): string | undefined => {
  try {
    run();
    return undefined;
  } catch (error) {
    if (!isPulsesError(error)) throw error;
    return error.code;
  }
};

describe('payloads', () => {
  it('pass when they hold as many messages as announced, and with no other number', () => {
    fc.assert(
      fc.property(anyMessages, fc.nat({ max: 40 }), (messages, announced) => {
        const code = codeOf(() => {
          checkPayload(payloadOf(messages), announced, 100);
        });
        const fits = announced > 0 && announced === messages.length;
        expect(code).toBe(fits ? undefined : 'PROTOCOL_VIOLATION');
      }),
      { numRuns: SCALE.sizeOf({ sample: 700, fault: 5_000 }) },
    );
  });

  it('are refused with an empty message, an unfinished last one, or none at all', () => {
    for (const [payload, count] of [
      ['a\n\nb\n', 3],
      ['\n', 1],
      ['a\nb', 2],
      ['a', 1],
      ['', 0],
    ] as const)
      expect(codeOf(() => checkPayload(Buffer.from(payload), count, 100))).toBe('PROTOCOL_VIOLATION');
  });

  it('hold messages of up to the limit and no byte more', () => {
    expect(codeOf(() => checkPayload(Buffer.from('aaaa\nbb\n'), 2, 4))).toBeUndefined();
    expect(codeOf(() => checkPayload(Buffer.from('bb\naaaaa\n'), 2, 4))).toBe('MESSAGE_TOO_LARGE');
  });

  it('are cut at the ends of their messages', () => {
    fc.assert(
      fc.property(anyMessages, fc.boolean(), (messages, givesRoom) => {
        const payload = payloadOf(messages);
        const ends = recordEnds(payload, messages.length, new Int32Array(givesRoom ? 32 : 0));
        const texts = messages.map((_, index) => {
          const start = skipRecords(payload, index);
          return payload.toString('utf8', start, ends[index]);
        });
        expect(texts).toEqual(messages);
        expect(skipRecords(payload, messages.length)).toBe(payload.byteLength);
        expect(() => skipRecords(payload, messages.length + 1)).toThrow(RangeError);
        expect(() => recordEnds(payload, messages.length + 1)).toThrow(RangeError);
      }),
      { numRuns: SCALE.sizeOf({ sample: 300, fault: 3_000 }) },
    );
  });
});

describe('topic names', () => {
  const isRefused = (name: string) => codeOf(() => checkTopicName(name)) === 'TOPIC_INVALID';

  it('are 1 to 249 bytes of UTF-8', () => {
    expect(['', 'x'.repeat(250), 'é'.repeat(125)].filter((name) => !isRefused(name))).toEqual([]);
    expect(['x', 'x'.repeat(249), `${'é'.repeat(124)}x`].filter(isRefused)).toEqual([]);
  });

  it('hold no control character and no lone surrogate, and anything else', () => {
    expect(['a\nb', 'a\0', '\x7f', 'a\u0085', '\ud800', 'a\udc00'].filter((name) => !isRefused(name))).toEqual([]);
    expect(['../..', '.', 'a b', '__proto__', '\u{1f600}', '%2E', '\ufffd'].filter(isRefused)).toEqual([]);
  });
});
