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

export interface Findings {
  readonly count: number;
  readonly first: readonly Finding[];
  add(finding: Finding): void;
}

export function createFindings(keptMax: number): Findings {
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
  };
}
