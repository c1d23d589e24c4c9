import { describe, expect, it } from '@jest/globals';
import { payloadOf } from '@pulses/broker-wire';
import { checkScanned } from './scanned';

const reply = {
  type: 'scanned' as const,
  topicIds: Uint32Array.of(3, 5),
  baseOffsets: [0, 7],
  counts: Uint32Array.of(1, 2),
  lengths: Uint32Array.of(2, 4),
  next: { lsn: 1, topicId: 5, offset: 9 },
  more: true,
  ...payloadOf(Buffer.from('a\nb\nc\n')),
};

describe('an answer to a scan', () => {
  it('is taken when rows and checksum are those of its messages', () => {
    expect(checkScanned(reply)).toBe(reply);
  });

  it.each([
    ['a byte is another one', { payload: Buffer.from('a\nx\nc\n') }, 'checksum'],
    ['its rows are longer', { lengths: Uint32Array.of(2, 5) }, 'rows'],
    ['its rows are shorter', { lengths: Uint32Array.of(2, 3) }, 'rows'],
    ['a row has no offset', { baseOffsets: [0] }, 'rows'],
    ['a row has no count', { counts: Uint32Array.of(1) }, 'rows'],
    ['a row has no length', { lengths: Uint32Array.of(6) }, 'rows'],
  ])('is refused when %s', (_how, change, what) => {
    expect(() => checkScanned({ ...reply, ...change })).toThrow(
      expect.objectContaining({ code: 'PROTOCOL_VIOLATION', message: expect.stringContaining(what) }),
    );
  });
});
