import { describe, expect, it } from '@jest/globals';
import { decodePosition, encodePosition, NOTHING_READ, type StoredPosition } from './stored-position';

const INCARNATION = '1'.repeat(32);
const STORED: StoredPosition = {
  positions: new Map([
    ['grouped', { offset: 9, metadata: '' }],
    ['windowed', { offset: 4, metadata: '{"emitted_keys":7}' }],
  ]),
  clock: { offset: 10, clockMs: 1_700, late: [{ from: 3, to: 6, clockMs: 1_650 }] },
};

describe('the positions of a group on a partition', () => {
  it('are one offset, the lowest, and its metadata', () => {
    expect(encodePosition(INCARNATION, STORED)).toEqual({
      offset: 4,
      metadata:
        `{"pulses":1,"source":"${INCARNATION}","positions":{"grouped":[9,""],"windowed":[4,"{\\"emitted_keys\\":7}"]},` +
        '"clock":[10,1700],"late":[[3,6,1650]]}',
    });
  });

  it('are read as they were written', () => {
    const noneLate = { ...STORED, clock: { ...STORED.clock, late: [] } };
    for (const stored of [STORED, noneLate])
      expect(decodePosition(encodePosition(INCARNATION, stored), INCARNATION, 'g')).toEqual(stored);
    expect(decodePosition(undefined, INCARNATION, 'g')).toBeUndefined();
  });

  it('say that nothing was read when they have no name', () => {
    const encoded = encodePosition(INCARNATION, NOTHING_READ);
    expect(encoded.offset).toBe(0);
    expect(decodePosition(encoded, INCARNATION, 'g')).toEqual(NOTHING_READ);
  });

  it('keep that tools have made them, while they have a name', () => {
    const mended = { ...STORED, isMended: true };
    expect(decodePosition(encodePosition(INCARNATION, mended), INCARNATION, 'g')).toEqual(mended);
    const none = { ...NOTHING_READ, isMended: true };
    expect(decodePosition(encodePosition(INCARNATION, none), INCARNATION, 'g')).toEqual(NOTHING_READ);
  });

  it('are none on a topic that was deleted and made again', () => {
    expect(decodePosition(encodePosition('2'.repeat(32), STORED), INCARNATION, 'g')).toBeUndefined();
  });

  it.each(['', '{}', 'null', '{"pulses":2}', 'x'])('are refused when another program has stored %j', (metadata) => {
    expect(() => decodePosition({ offset: 12, metadata }, INCARNATION, 'the position of g on s/0')).toThrow(
      'the position of g on s/0 is at 12, and another program has stored it',
    );
  });

  it('are refused when Kafka has no room for them', () => {
    const positions = new Map([['grouped', { offset: 1, metadata: 'ä'.repeat(2_100) }]]);
    expect(() => encodePosition(INCARNATION, { ...STORED, positions })).toThrow('has room for 4096');
  });
});
