import { describe, expect, it } from '@jest/globals';
import { createSimClock, settle } from './sim-clock';

describe('the simulated clock', () => {
  it('stands still until it is moved', async () => {
    const clock = createSimClock(1000);
    await settle();
    expect([clock.nowMs(), clock.monotonicMs()]).toEqual([1000, 0]);
    await clock.advance(250.5);
    expect([clock.nowMs(), clock.monotonicMs()]).toEqual([1250, 250.5]);
  });

  it('runs timers by due time, and by order of creation when due together', async () => {
    const clock = createSimClock();
    const ran: [string, number][] = [];
    const set = (name: string, delayMs: number) => clock.setTimer(delayMs, () => ran.push([name, clock.monotonicMs()]));
    set('c', 30);
    set('a', 10);
    set('b1', 20);
    set('b2', 20);
    set('past', -5);
    set('now', 0);
    set('later', 31);
    await clock.advance(30);
    expect(ran).toEqual([
      ['past', 0],
      ['now', 0],
      ['a', 10],
      ['b1', 20],
      ['b2', 20],
      ['c', 30],
    ]);
    expect(clock.timerCount).toBe(1);
  });

  it('runs timers set by other timers when they fall due within the same step', async () => {
    const clock = createSimClock();
    const atMs: number[] = [];
    const tick = () => {
      atMs.push(clock.monotonicMs());
      clock.setTimer(10, tick);
    };
    clock.setTimer(10, tick);
    await clock.advance(35);
    expect(atMs).toEqual([10, 20, 30]);
    await clock.advance(5);
    expect(atMs).toEqual([10, 20, 30, 40]);
  });

  it('lets promises run between two timers', async () => {
    const clock = createSimClock();
    const order: string[] = [];
    clock.setTimer(1, () => {
      order.push('first');
      void settle(2).then(() => order.push('promised'));
    });
    clock.setTimer(1, () => order.push('second'));
    await clock.advance(1);
    expect(order).toEqual(['first', 'promised', 'second']);
  });

  it('drops cancelled timers, also when another timer cancels them', async () => {
    const clock = createSimClock();
    const ran: string[] = [];
    const timer = clock.setTimer(5, () => ran.push('cancelled'));
    clock.setTimer(4, () => {
      timer.cancel();
      timer.cancel();
    });
    clock.setTimer(6, () => ran.push('kept'));
    await clock.advance(10);
    timer.cancel();
    expect(ran).toEqual(['kept']);
    expect(clock.timerCount).toBe(0);
  });

  it('jumps the wall clock either way without effect on timers and monotonic time', async () => {
    const clock = createSimClock(1000);
    let ran = 0;
    clock.setTimer(100, () => (ran += 1));
    clock.jumpWall(5000);
    await clock.advance(50);
    expect([clock.nowMs(), clock.monotonicMs(), ran]).toEqual([6050, 50, 0]);
    clock.jumpWall(-10_000);
    await clock.advance(50);
    expect([clock.nowMs(), clock.monotonicMs(), ran]).toEqual([-3900, 100, 1]);
  });
});
