import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MESSAGE_BYTES_MAX } from './limits';
import { createLineReader } from './line-reader';
import { createOpeningReader } from './opening';

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
      .array(fc.constantFrom('a', 'bc', '\r', '\n', '\r\n', '\n\n', '\xff', ' ', 'long text '.repeat(5)), { maxLength: 60 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(stream, fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 4 }), (text, sizes) => {
        expect(readInChunks(text, sizes)).toEqual(messagesIn(text));
      }),
      { numRuns: 3000 },
    );
  });

  it('takes a message of exactly the limit and refuses a byte more', () => {
    const limit = 'x'.repeat(MESSAGE_BYTES_MAX);
    for (const ending of ['\n', '\r\n']) expect(readInChunks(`${limit}${ending}`, [65_536])).toEqual([limit]);
    expect(() => readInChunks(`${limit}y\n`, [65_536])).toThrow(/longer than/);
    expect(() => readInChunks(`${limit}y\r\n`, [1_000_000])).toThrow(/longer than/);
  });

  it('keeps the messages before a line that is too long, and holds no more than the limit', () => {
    const reader = createLineReader();
    expect(() => reader.push(Buffer.from(`one\ntwo\n${'x'.repeat(MESSAGE_BYTES_MAX + 1)}\nthree\n`))).toThrow(/longer than/);
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

describe('the opening', () => {
  const open = (text: string | Buffer, chunkBytes: number) => {
    const reader = createOpeningReader();
    const bytes = Buffer.from(text as string);
    for (let position = 0; position < bytes.byteLength; position += chunkBytes) {
      const opening = reader.push(bytes.subarray(position, position + chunkBytes));
      if (opening.kind !== 'incomplete') return { kind: opening.kind, ...('topic' in opening ? { topic: opening.topic } : {}) };
    }
    return { kind: 'incomplete' };
  };

  it.each([1, 3, 4096])('is told from the first bytes in chunks of %d', (chunkBytes) => {
    const preamble = Buffer.from([0x89, 0x50, 0x55, 0x4c, 0x53, 0x45, 0x0d, 0x0a]);
    expect(open('sink-connector_a_b\n', chunkBytes)).toEqual({ kind: 'sink', topic: 'a_b' });
    expect(open('source-connector_x.y\r\n', chunkBytes)).toEqual({ kind: 'source', topic: 'x.y' });
    expect(open(preamble, chunkBytes)).toEqual({ kind: 'binary' });
    expect(open(preamble.subarray(0, 7), chunkBytes)).toEqual({ kind: 'incomplete' });
    expect(open('sink-connector_', chunkBytes)).toEqual({ kind: 'incomplete' });
    for (const bad of ['GET / HTTP/1.1\r\n', 'sink-connector\n', 'sink-connector_\n', '\x89PULSE\n\n', 'toString_x\n', 'x'.repeat(2000)])
      expect(open(Buffer.from(bad, 'latin1'), chunkBytes)).toEqual({ kind: 'invalid' });
  });
});
