// Asynchronous work over many items with bounded concurrency.

/**
 * Maps each item through `work`, at most `concurrencyMax` at a time. Items start in order and results keep that order.
 * After a failure no further item starts.
 * @throws the first failure, once no item is in progress
 */
export async function mapConcurrent<Item, Result>(
  items: Iterable<Item>,
  concurrencyMax: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  let failure: { readonly error: unknown } | undefined;
  let startedCount = 0;
  const iterator = items[Symbol.iterator]();
  const runWorker = async (): Promise<void> => {
    while (failure === undefined) {
      const next = iterator.next();
      if (next.done === true) return;
      const index = startedCount;
      startedCount += 1;
      try {
        results[index] = await work(next.value);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: concurrencyMax }, runWorker));
  if (failure !== undefined) throw failure.error;
  return results;
}
