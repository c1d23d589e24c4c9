// One answer of a listing: what follows a name, in the order of the names' bytes.
//
// Guarantees: an answer fits a frame, whatever clients have stored.

import type { PositionKey, StoredGroup, StoredPosition } from '@pulses/broker-wire';
import { compareUtf8 } from '@pulses/shared-binary';

/** Sources that are listed of a group. */
export const SOURCES_LISTED_MAX = 1_000;
/** Names of one page of groups, in bytes; a page has one group at least. */
const GROUP_PAGE_BYTES_MAX = 4 * 1024 * 1024;

export function pageOfGroups(
  groups: readonly StoredGroup[],
  { after, limit }: { readonly after: string; readonly limit: number },
): { groups: StoredGroup[]; more: boolean } {
  const following = groups.filter(({ group }) => compareUtf8(group, after) > 0);
  following.sort((left, right) => compareUtf8(left.group, right.group));
  const page: StoredGroup[] = [];
  let bytes = 0;
  for (const stored of following.slice(0, limit)) {
    const sources = stored.sources.toSorted(compareUtf8).slice(0, SOURCES_LISTED_MAX);
    bytes += [stored.group, ...sources].reduce((sum, name) => sum + Buffer.byteLength(name), 0);
    if (page.length > 0 && bytes > GROUP_PAGE_BYTES_MAX) break;
    page.push({ ...stored, sources });
  }
  return { groups: page, more: following.length > page.length };
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
