import { describe, expect, it } from '@jest/globals';
import { createInputBudget } from './input-budget';

function openAccount(budget: ReturnType<typeof createInputBudget>, events: string[], name: string) {
  return budget.open({
    onFullChanged: () => events.push(`${name} ${budget.isFull ? 'waits' : 'reads'}`),
    onEvicted: () => events.push(`${name} evicted`),
  });
}

describe('the input budget', () => {
  it('stops every connection above the limit and resumes them once a quarter is free', () => {
    const events: string[] = [];
    const budget = createInputBudget(100);
    const a = openAccount(budget, events, 'a');
    openAccount(budget, events, 'b');
    a.set(0, 100);
    expect(events).toEqual([]);
    a.set(0, 101);
    expect(events).toEqual(['a waits', 'b waits']);
    a.set(0, 76);
    expect(events).toHaveLength(2);
    a.set(0, 75);
    expect(events.slice(2)).toEqual(['a reads', 'b reads']);
  });

  it('drops the largest unfinished input when nothing else is left, so that some connection can read again', () => {
    const events: string[] = [];
    const budget = createInputBudget(100);
    const a = openAccount(budget, events, 'a');
    const b = openAccount(budget, events, 'b');
    const c = openAccount(budget, events, 'c');
    a.set(30, 0);
    b.set(50, 0);
    c.set(10, 20);
    expect(budget.isFull).toBe(true);
    expect(events).not.toContain('b evicted');
    c.set(10, 0);
    expect(events).toContain('b evicted');
    expect(events).not.toContain('a evicted');
    expect([budget.isFull, budget.bytes]).toEqual([false, 40]);
  });

  it('forgets a closed account, whatever it says later', () => {
    const budget = createInputBudget(100);
    const a = openAccount(budget, [], 'a');
    a.set(10, 10);
    a.close();
    a.set(50, 50);
    expect(budget.bytes).toBe(0);
  });
});
