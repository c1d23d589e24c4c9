import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MESSAGE_BYTES_MAX } from './limits';
import { createLineReader } from './line-reader';

/** The contract's rules, the slow way. */
function messagesIn(stream: string): string[] {
  return stream
    .split('\n')
    .slice(0, -1)
    .map((line) => line.replace(/\r$/, ''))
    .filter((line) => line !== '');
}

function readInChunks(stream: string, chunkSizes: readonly number[]): string[] {
  const reader = createLineReader();
  const messages: string[] = [];
  for (let position = 0, turn = 0; position < stream.length; turn += 1) {
    const size = chunkSizes[turn % chunkSizes.length] ?? 1;
    const block = reader.push(Buffer.from(stream.slice(position, position + size), 'latin1'));
    if (block) {
      const lines = Buffer.from(block.payload).toString('latin1').split('\n');
      expect(lines.pop()).toBe('');
      expect(lines.length).toBe(block.recordCount);
      messages.push(...lines);
    }
    position += size;
  }
  return messages;
}

describe('the line reader', () => {
  it('finds the messages of any stream, however it is cut', () => {
    const stream = fc
      .array(fc.constantFrom('a', 'bc', '\r', '\n', '\r\n', '\n\n', '\xff', ' ', 'long text '.repeat(5)), {
        maxLength: 60,
      })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(stream, fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 4 }), (text, sizes) => {
        expect(readInChunks(text, sizes)).toEqual(messagesIn(text));
      }),
      { numRuns: 3000 },
    );
  });

  it('leaves the chunks it is given as they are, and keeps none of them alive', () => {
    const chunk = Buffer.from('a\r\n\nb\nrest');
    const reader = createLineReader();
    expect(reader.push(chunk)).toMatchObject({ recordCount: 2 });
    expect(chunk.toString()).toBe('a\r\n\nb\nrest');
    chunk.fill(120);
    expect(Buffer.from(reader.push(Buffer.from('!\n'))?.payload ?? []).toString()).toBe('rest!\n');
  });

  it('gives a large chunk of its own back at once when the messages do not lie in it', () => {
    const reader = createLineReader({ ownsChunks: true });
    const push = (text: string) => {
      const chunk = new Uint8Array(Buffer.from(text)); // memory of its own
      const { payload } = reader.push(chunk) ?? { payload: undefined };
      return { left: chunk.length, payload: payload && Buffer.from(payload).toString() };
    };
    const long = 'x'.repeat(20_000);
    expect(push(`a\n${long}`)).toEqual({ left: 20_002, payload: 'a\n' });
    expect(push(long)).toEqual({ left: 0, payload: undefined });
    expect(push(`${long}\nb\nrest`)).toEqual({ left: 0, payload: `${long}${long}${long}\nb\n` });
    expect(push('!\n')).toEqual({ left: 2, payload: 'rest!\n' });
  });

  it('takes a message of exactly the limit and refuses a byte more', () => {
    const limit = 'x'.repeat(MESSAGE_BYTES_MAX);
    for (const ending of ['\n', '\r\n']) expect(readInChunks(`${limit}${ending}`, [65_536])).toEqual([limit]);
    expect(() => readInChunks(`${limit}y\n`, [65_536])).toThrow(/longer than/);
    expect(() => readInChunks(`${limit}y\r\n`, [1_000_000])).toThrow(/longer than/);
  });

  it('keeps the messages before a line that is too long, and holds no more than the limit', () => {
    const reader = createLineReader();
    expect(() => reader.push(Buffer.from(`one\ntwo\n${'x'.repeat(MESSAGE_BYTES_MAX + 1)}\nthree\n`))).toThrow(
      /longer than/,
    );
    expect(reader.blockBeforeFailure?.recordCount).toBe(2);
    expect(Buffer.from(reader.blockBeforeFailure?.payload ?? []).toString()).toBe('one\ntwo\n');

    const endless = createLineReader();
    const chunk = Buffer.alloc(65_536, 'x');
    expect(() => {
      for (let sent = 0; sent < 2 * MESSAGE_BYTES_MAX; sent += chunk.byteLength) {
        endless.push(chunk);
        expect(endless.pendingBytes).toBeLessThanOrEqual(MESSAGE_BYTES_MAX + 1);
      }
    }).toThrow(/longer than/);
  });
});
