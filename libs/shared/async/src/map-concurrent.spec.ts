import { describe, expect, it } from '@jest/globals';
import { settle } from '@pulses/testing-sim';
import { mapConcurrent } from './map-concurrent';

/** Work that each test finishes by hand. */
function createTasks() {
  const started: number[] = [];
  const tasks = new Map<number, PromiseWithResolvers<string>>();
  return {
    started,
    work(item: number): Promise<string> {
      started.push(item);
      const task = Promise.withResolvers<string>();
      tasks.set(item, task);
      return task.promise;
    },
    async finish(item: number): Promise<void> {
      tasks.get(item)?.resolve(`result ${item}`);
      await settle();
    },
    async fail(item: number, error: Error): Promise<void> {
      tasks.get(item)?.reject(error);
      await settle();
    },
  };
}

describe('mapping with bounded concurrency', () => {
  it('starts items in order and never exceeds the bound', async () => {
    const { started, work, finish } = createTasks();
    const mapped = mapConcurrent([1, 2, 3, 4], 2, work);
    expect(started).toEqual([1, 2]);
    await finish(2);
    expect(started).toEqual([1, 2, 3]);
    await finish(1);
    expect(started).toEqual([1, 2, 3, 4]);
    await finish(3);
    await finish(4);
    await mapped;
  });

  it('returns the results in the order of the items', async () => {
    const { work, finish } = createTasks();
    const mapped = mapConcurrent(new Set([1, 2, 3]), 3, work);
    for (const item of [3, 1, 2]) await finish(item);
    expect(await mapped).toEqual(['result 1', 'result 2', 'result 3']);
  });

  it('starts nothing after a failure and rejects once no item is in progress', async () => {
    const { started, work, finish, fail } = createTasks();
    let outcome: unknown = 'pending';
    mapConcurrent([1, 2, 3], 2, work).catch((error: unknown) => {
      outcome = error;
    });
    const failure = new Error('first');
    await fail(1, failure);
    expect(outcome).toBe('pending');
    await finish(2);
    expect(outcome).toBe(failure);
    expect(started).toEqual([1, 2]);
  });

  it('rejects with the first of several failures', async () => {
    const { work, fail } = createTasks();
    const mapped = mapConcurrent([1, 2], 2, work);
    mapped.catch(() => undefined);
    await fail(2, new Error('second item, first failure'));
    await fail(1, new Error('first item, second failure'));
    await expect(mapped).rejects.toThrow('second item, first failure');
  });

  it('resolves at once without items', async () => {
    expect(await mapConcurrent([], 5, () => Promise.reject(new Error('unused')))).toEqual([]);
  });
});
