// Who gets which partition, in the classic protocol: decided by the group's leader.
//
// Guarantees: shares differ by one partition at most, and as few partitions move as that allows. A partition that another
// member still owns is given to no one until that member has given it up (cooperative rebalancing, KIP-429).

export interface Candidate {
  readonly memberId: string;
  /** What it reads; members of one group may read different topics. */
  readonly topic: string;
  /** What it owns, as of `generation`. */
  readonly owned: readonly number[];
  readonly generation: number;
}

/**
 * A share of its topic for every candidate. The same members and partitions give the same shares.
 * @param partitionCounts by topic
 */
export function assignTopics(
  candidates: readonly Candidate[],
  partitionCounts: ReadonlyMap<string, number>,
): ReadonlyMap<string, readonly number[]> {
  const topics = Map.groupBy(candidates, ({ topic }) => topic);
  return new Map(
    [...topics].flatMap(([topic, members]) => [...assignPartitions(members, partitionCounts.get(topic) ?? 0)]),
  );
}

/** @param candidates members that read the same topic */
export function assignPartitions(
  candidates: readonly Member[],
  partitionCount: number,
): ReadonlyMap<string, readonly number[]> {
  const members = [...candidates].sort((a, b) => compare(a.memberId, b.memberId));
  const owners = ownersOf(members, partitionCount);
  const targets = balance(members, owners, partitionCount);
  const shares = new Map<string, number[]>(members.map(({ memberId }) => [memberId, []]));
  targets.forEach((memberId, partition) => {
    const owner = owners.get(partition);
    if (memberId !== undefined && (owner === undefined || owner === memberId)) shares.get(memberId)?.push(partition);
  });
  return shares;
}

type Member = Omit<Candidate, 'topic'>;

/** The member that owns each partition: of two that say so, the one of the newer generation. */
function ownersOf(members: readonly Member[], partitionCount: number): Map<number, string> {
  const claims = new Map<number, Member>();
  for (const member of members) {
    for (const partition of member.owned) {
      const other = claims.get(partition);
      if (partition < partitionCount && (other === undefined || other.generation < member.generation))
        claims.set(partition, member);
    }
  }
  return new Map([...claims].map(([partition, { memberId }]) => [partition, memberId]));
}

/** The member that should have each partition, once all have given up what they must. */
function balance(
  members: readonly Member[],
  owners: ReadonlyMap<number, string>,
  partitionCount: number,
): (string | undefined)[] {
  const targets = Array.from({ length: partitionCount }, (_, partition) => owners.get(partition));
  const sizes = new Map(members.map(({ memberId }) => [memberId, 0]));
  for (const memberId of targets) if (memberId !== undefined) sizes.set(memberId, (sizes.get(memberId) ?? 0) + 1);
  const least = Math.floor(partitionCount / members.length);
  // Those that own most keep one more, so that fewer partitions move.
  const larger = new Set(
    [...sizes]
      .sort(([a, sizeA], [b, sizeB]) => sizeB - sizeA || compare(a, b))
      .slice(0, partitionCount % members.length)
      .map(([memberId]) => memberId),
  );
  const quotas = new Map(members.map(({ memberId }) => [memberId, least + (larger.has(memberId) ? 1 : 0)]));
  const counts = new Map<string, number>();
  targets.forEach((memberId, partition) => {
    if (memberId === undefined) return;
    const count = counts.get(memberId) ?? 0;
    if (count < (quotas.get(memberId) ?? 0)) counts.set(memberId, count + 1);
    else targets[partition] = undefined;
  });
  const openings = members.flatMap(({ memberId }) =>
    Array.from({ length: (quotas.get(memberId) ?? 0) - (counts.get(memberId) ?? 0) }, () => memberId),
  );
  return targets.map((memberId) => memberId ?? openings.shift());
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
