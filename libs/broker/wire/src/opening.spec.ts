import { describe, expect, it } from '@jest/globals';
import { COMMAND_LINE_BYTES_MAX, PREAMBLE } from './limits';
import { createOpeningReader, type Opening } from './opening';

/** The opening of bytes that arrive in chunks of `size`, and the bytes after it. */
function open(bytes: Uint8Array, size = bytes.length): Opening {
  const reader = createOpeningReader();
  for (let start = 0; start < bytes.length; start += size) {
    const opening = reader.push(bytes.subarray(start, start + size));
    if (opening.kind !== 'incomplete') return opening;
  }
  return { kind: 'incomplete' };
}

describe('the opening of a connection', () => {
  it.each([
    ['sink-connector_a\nrest', 'sink', 'a'],
    ['source-connector_a_b_c\r\nrest', 'source', 'a_b_c'],
    ['sink-connector__\nrest', 'sink', '_'],
    ['sink-connector_ünï 😀\nrest', 'sink', 'ünï 😀'],
  ])('%j is a command, in one piece and byte by byte', (text, kind, topic) => {
    const bytes = Buffer.from(text);
    const opening = open(bytes);
    expect(opening).toMatchObject({ kind, topic });
    expect('rest' in opening && Buffer.from(opening.rest).toString()).toBe('rest');
    expect(open(bytes, 1)).toMatchObject({ kind, topic });
  });

  it('with the preamble is the binary protocol', () => {
    const bytes = Buffer.concat([PREAMBLE, Buffer.from('x')]);
    expect(open(bytes)).toEqual({ kind: 'binary', rest: Buffer.from('x') });
    expect(open(bytes, 1)).toMatchObject({ kind: 'binary' });
    expect(open(PREAMBLE.subarray(0, 5), 1)).toEqual({ kind: 'incomplete' });
  });

  it.each([
    ['another command', Buffer.from('GET / HTTP/1.1\r\n')],
    ['no topic', Buffer.from('sink-connector_\n')],
    ['no separator', Buffer.from('sink-connector\n')],
    ['a name of the prototype', Buffer.from('constructor_a\n')],
    ['a control character in the topic', Buffer.from('sink-connector_a\u0000b\n')],
    ['bytes that are not UTF-8', Buffer.concat([Buffer.from('sink-connector_a'), Buffer.of(0xff), Buffer.from('\n')])],
    ['a first line without an end', Buffer.alloc(COMMAND_LINE_BYTES_MAX, 'a')],
    ['a preamble that is damaged', Buffer.concat([PREAMBLE.subarray(0, 4), Buffer.from('oops')])],
  ])('with %s is invalid', (_what, bytes) => {
    expect(open(bytes).kind).toBe('invalid');
    expect(open(bytes, 1).kind).toBe('invalid');
  });
});
