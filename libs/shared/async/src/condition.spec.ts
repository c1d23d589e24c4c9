import { describe, expect, it } from '@jest/globals';
import { settle } from '@pulses/testing-sim';
import { Condition } from './condition';

describe('a condition', () => {
  it('wakes all its waiters in the order of their arrival', async () => {
    const condition = new Condition();
    const woken: string[] = [];
    void condition.wait().then(() => woken.push('first'));
    void condition.wait().then(() => woken.push('second'));
    await settle();
    expect(woken).toEqual([]);
    expect(condition.hasWaiters).toBe(true);
    condition.notifyAll();
    await settle();
    expect(woken).toEqual(['first', 'second']);
    expect(condition.hasWaiters).toBe(false);
  });

  it('does not remember a notification for a later waiter', async () => {
    const condition = new Condition();
    condition.notifyAll();
    let isWoken = false;
    void condition.wait().then(() => (isWoken = true));
    await settle();
    expect(isWoken).toBe(false);
  });

  it('lets one waiter through at a time when the predicate takes what it waits for', async () => {
    const condition = new Condition();
    let room = 0;
    const order: number[] = [];
    const take = async (taker: number): Promise<void> => {
      await condition.until(() => {
        if (room === 0) return false;
        room -= 1;
        return true;
      });
      order.push(taker);
    };
    void take(1);
    void take(2);
    condition.notifyAll();
    await settle();
    expect(order).toEqual([]);
    room = 1;
    condition.notifyAll();
    await settle();
    expect(order).toEqual([1]);
    room = 1;
    condition.notifyAll();
    await settle();
    expect(order).toEqual([1, 2]);
  });

  it('does not wait while its predicate holds already', async () => {
    const condition = new Condition();
    await condition.until(() => true);
    expect(condition.hasWaiters).toBe(false);
  });
});
