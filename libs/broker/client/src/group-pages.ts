// All groups, from pages that may end within the sources of a group.

import type { GroupKey, StoredGroup } from '@pulses/broker-wire';

/** @param readPage answers with what follows a group and a source of it; two empty names start at the first */
export async function readGroups(
  readPage: (after: GroupKey) => Promise<{ readonly groups: readonly StoredGroup[]; readonly more: boolean }>,
): Promise<StoredGroup[]> {
  const groups: StoredGroup[] = [];
  for (;;) {
    const last = groups.at(-1);
    const page = await readPage({ group: last?.group ?? '', source: last?.sources.at(-1) ?? '' });
    for (const next of page.groups) {
      const begun = next.group === last?.group ? groups.pop() : undefined;
      groups.push({ ...next, sources: [...(begun?.sources ?? []), ...next.sources] });
    }
    if (!page.more) return groups;
  }
}
