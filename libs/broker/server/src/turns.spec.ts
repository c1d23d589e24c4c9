import { describe, expect, it } from '@jest/globals';
import { createTurns } from './turns';

/** Until everything that is due in this turn of the event loop has run. */
const endOfTurn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

describe('turns', () => {
  it('let so many go on in a turn of the event loop, in order', async () => {
    const turns = createTurns(2);
    const done: number[] = [];
    for (let index = 0; index < 5; index += 1) void turns.take().then(() => done.push(index));
    await Promise.resolve();
    expect(done).toEqual([0, 1]);
    await endOfTurn();
    expect(done).toEqual([0, 1, 2, 3]);
    void turns.take().then(() => done.push(5));
    await endOfTurn();
    expect(done).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('count anew in each turn', async () => {
    const turns = createTurns(1);
    for (let round = 1; round <= 3; round += 1) {
      let hasGoneOn = false;
      void turns.take().then(() => (hasGoneOn = true));
      await Promise.resolve();
      expect(hasGoneOn).toBe(true);
      await endOfTurn();
    }
  });
});
