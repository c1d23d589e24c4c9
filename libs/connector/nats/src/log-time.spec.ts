import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LogTime } from './log-time';

const EMPTY = { offset: 1, ms: 0, held: [] };

/** Own timestamps of a log from the offset 1 on, with steps back. */
const logs = fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 60 });

const runningMaximum = (log: readonly number[]): number[] => {
  let ms = 0;
  return log.map((own) => (ms = Math.max(ms, own)));
};

const read = (time: LogTime, log: readonly number[], fromOffset: number): number[] =>
  log.slice(fromOffset - 1).map((own, index) => time.of(fromOffset + index, own));

describe('the time of a source', () => {
  it('is the running maximum of its timestamps', () => {
    fc.assert(
      fc.property(logs, (log) => {
        expect(read(new LogTime(EMPTY), log, 1)).toEqual(runningMaximum(log));
      }),
    );
  });

  it('is the same for a session that starts at any stored position, wherever the one before ended', () => {
    fc.assert(
      fc.property(logs, fc.nat(), fc.nat(), (log, endSeed, positionSeed) => {
        const end = endSeed % (log.length + 1);
        const position = 1 + (positionSeed % (end + 1));
        const first = new LogTime(EMPTY);
        read(first, log.slice(0, end), 1);
        const state = JSON.parse(JSON.stringify(first.state(position))) as ReturnType<LogTime['state']>;
        expect(read(new LogTime(state), log, position)).toEqual(runningMaximum(log).slice(position - 1));
      }),
    );
  });

  it('is the same when a session reads a part again', () => {
    const time = new LogTime(EMPTY);
    const log = [5, 9, 7, 8, 9, 3, 12];
    expect(read(time, log, 1)).toEqual([5, 9, 9, 9, 9, 9, 12]);
    expect(read(time, log, 3)).toEqual([9, 9, 9, 9, 12]);
  });

  it('remembers only the runs above the lowest position', () => {
    const time = new LogTime(EMPTY);
    read(time, [9, 7, 12, 11, 10, 13], 1);
    expect(time.state(1)).toEqual({
      offset: 7,
      ms: 13,
      held: [
        [2, 3, 9],
        [4, 6, 12],
      ],
    });
    expect(time.state(4).held).toEqual([[4, 6, 12]]);
    expect(time.state(6).held).toEqual([]);
  });

  it('gives up on clocks that step back again and again, rather than forget one step', () => {
    const time = new LogTime(EMPTY);
    const swing = () => {
      for (let offset = 1; offset < 5_000; offset += 1) time.of(offset, offset % 2 === 0 ? 0 : offset);
    };
    expect(swing).toThrow(/stepped back more than 1000 times/);
  });
});
