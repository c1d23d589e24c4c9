// Asynchronous work over many items, a few at a time.

/**
 * Runs `work` for each item, at most `atOnce` at a time and in the order of the items; stops taking new ones for
 * nothing: every item is tried. What fails is pushed to `failures`.
 */
export async function eachOf<T>(
  items: Iterable<T>,
  atOnce: number,
  work: (item: T) => Promise<void>,
  failures: unknown[],
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  const run = async (): Promise<void> => {
    for (let next = iterator.next(); next.done !== true; next = iterator.next()) {
      try {
        await work(next.value);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, run));
}
