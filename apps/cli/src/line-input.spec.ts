import { describe, expect, it } from '@jest/globals';
import { MESSAGE_BYTES_MAX } from '@pulses/broker-wire';
import { isPulsesError } from '@pulses/shared-errors';
import fc from 'fast-check';
import { readLineBlocks } from './line-input';

async function* chunksOf(input: Buffer, size: number): AsyncGenerator<Buffer, void, undefined> {
  // Each with memory of its own, as streams give them.
  for (let start = 0; start < input.byteLength; start += size)
    yield Promise.resolve(Buffer.from(new Uint8Array(input.subarray(start, start + size)).buffer));
}

async function messagesOf(input: Buffer, size: number): Promise<{ messages: string[]; failure?: unknown }> {
  const messages: string[] = [];
  try {
    for await (const { payload, recordCount } of readLineBlocks(chunksOf(input, size))) {
      const lines = Buffer.from(payload).toString('latin1').split('\n');
      expect(lines.pop()).toBe('');
      expect(lines.length).toBe(recordCount);
      messages.push(...lines);
    }
  } catch (failure) {
    return { messages, failure };
  }
  return { messages };
}

const long = (bytes: number) => 'x'.repeat(bytes);

describe('the lines of standard input', () => {
  it('are messages without their line ends; empty ones are none; an unterminated last one is', async () => {
    expect(await messagesOf(Buffer.from('a\r\n\n\r\nb\rc\nlast'), 1024)).toEqual({ messages: ['a', 'b\rc', 'last'] });
    expect(await messagesOf(Buffer.from('a\nlast\r'), 1024)).toEqual({ messages: ['a', 'last'] });
    expect(await messagesOf(Buffer.from('a\n\r'), 1024)).toEqual({ messages: ['a'] });
    expect(await messagesOf(Buffer.from(''), 1024)).toEqual({ messages: [] });
  });

  it('are the same however they are cut into chunks', async () => {
    const line = fc.constantFrom('', 'a', '\r', 'b\rc', 'long'.repeat(9));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(line, fc.constantFrom('\n', '\r\n'))),
        fc.integer({ min: 1, max: 20 }),
        async (lines, size) => {
          const input = Buffer.from(lines.flat().join(''));
          const expected = input
            .toString()
            .split('\n')
            .map((text) => text.replace(/\r$/, ''))
            .filter((text) => text !== '');
          expect(await messagesOf(input, size)).toEqual({ messages: expected });
        },
      ),
    );
  });

  it.each([64 * 1024, 5 * 1024 * 1024, 1024 * 1024 + 1, 20 * 1024 * 1024])(
    'may have 4 MiB, and the first longer one is named (chunks of %i)',
    async (size) => {
      const fitting = `a\n\n${long(MESSAGE_BYTES_MAX)}\r\n`;
      const fine = await messagesOf(Buffer.from(`${fitting}${long(MESSAGE_BYTES_MAX)}`), size);
      expect(fine.failure).toBeUndefined();
      expect(fine.messages.map((text) => text.length)).toEqual([1, MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX]);

      for (const ending of ['', '\n', '\r\n', '\nrest\n']) {
        const { messages, failure } = await messagesOf(
          Buffer.from(`${fitting}${long(MESSAGE_BYTES_MAX + 1)}${ending}`),
          size,
        );
        expect(isPulsesError(failure, 'MESSAGE_TOO_LARGE')).toBe(true);
        expect((failure as Error).message).toBe('line 4 is longer than 4194304 bytes');
        expect(messages.map((text) => text.length)).toEqual([1, MESSAGE_BYTES_MAX]);
      }
    },
  );
});
