// One answer of a listing: what follows a name, in the order of the names' bytes.
//
// Guarantees: an answer fits a frame, whatever clients have stored.

import type { GroupKey, PositionKey, StoredGroup, StoredPosition } from '@pulses/broker-wire';
import { compareUtf8 } from '@pulses/shared-binary';

/** Names of one page of groups, in bytes; the last name may overdraw it. */
const GROUP_PAGE_BYTES_MAX = 4 * 1024 * 1024;

/** A page may end within the sources of a group, which the next one continues. */
export function pageOfGroups(
  groups: readonly StoredGroup[],
  { after, limit }: { readonly after: GroupKey; readonly limit: number },
): { groups: StoredGroup[]; more: boolean } {
  const page: StoredGroup[] = [];
  let bytesLeft = GROUP_PAGE_BYTES_MAX;
  for (const stored of groupsAfter(groups, after)) {
    if (page.length === limit || bytesLeft <= 0) return { groups: page, more: true };
    bytesLeft -= Buffer.byteLength(stored.group);
    const sources: string[] = [];
    for (const source of stored.sources.toSorted(compareUtf8)) {
      // Without a source, the next page would take the group for listed.
      if (sources.length > 0 && bytesLeft <= 0) break;
      bytesLeft -= Buffer.byteLength(source);
      sources.push(source);
    }
    page.push({ ...stored, sources });
    if (sources.length < stored.sources.length) return { groups: page, more: true };
  }
  return { groups: page, more: false };
}

/** In order; their sources are in none. */
function groupsAfter(groups: readonly StoredGroup[], after: GroupKey): StoredGroup[] {
  const isFollowing = (source: string) => after.source !== '' && compareUtf8(source, after.source) > 0;
  return groups
    .flatMap((stored) => {
      const order = compareUtf8(stored.group, after.group);
      const sources = order === 0 ? stored.sources.filter(isFollowing) : stored.sources;
      return order > 0 || (order === 0 && sources.length > 0) ? [{ ...stored, sources }] : [];
    })
    .sort((left, right) => compareUtf8(left.group, right.group));
}

/** The names and metadata of LIST_POSITIONS_LIMIT_MAX positions fit a frame. */
export function pageOfPositions(
  positions: readonly StoredPosition[],
  { after, limit }: { readonly after: PositionKey; readonly limit: number },
): { positions: StoredPosition[]; more: boolean } {
  const following = positions.filter((position) => comparePositions(position, after) > 0);
  following.sort(comparePositions);
  return { positions: following.slice(0, limit), more: following.length > limit };
}

function comparePositions(left: PositionKey, right: PositionKey): number {
  return (
    compareUtf8(left.group, right.group) || compareUtf8(left.topic, right.topic) || compareUtf8(left.name, right.name)
  );
}
