/** Runs `work` for each item, at most `concurrencyMax` at a time. @throws the first failure, once none is under way */
export async function atOnce<Item>(
  items: readonly Item[],
  concurrencyMax: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  let failure: { readonly error: unknown } | undefined;
  const rest = items.values();
  const worker = async () => {
    for (const item of rest) {
      if (failure !== undefined) return;
      try {
        await work(item);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: concurrencyMax }, worker));
  if (failure !== undefined) throw failure.error;
}
