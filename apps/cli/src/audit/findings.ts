// What an audit has found wrong: all of it counted, the first few kept.

export interface Finding {
  /** The topic in which it shows. */
  readonly topic: string;
  readonly problem: string;
  /** Offset in the topic, where there is a message. */
  readonly offset?: number;
  readonly expected?: string;
  readonly found?: string;
}

/** How many there are, and the first of them. */
export interface FindingsSummary {
  readonly count: number;
  readonly first: readonly Finding[];
}

export interface Findings extends FindingsSummary {
  add(finding: Finding): void;
  /** Takes over what somebody else has found. */
  adopt(others: FindingsSummary): void;
}

const KEPT_MAX = 20;

export function createFindings(keptMax = KEPT_MAX): Findings {
  const first: Finding[] = [];
  let count = 0;
  return {
    get count() {
      return count;
    },
    first,
    add(finding) {
      count += 1;
      if (first.length < keptMax) first.push(finding);
    },
    adopt(others) {
      count += others.count;
      first.push(...others.first.slice(0, keptMax - first.length));
    },
  };
}
