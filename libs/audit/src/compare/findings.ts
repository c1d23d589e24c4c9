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

const KEPT_MAX = 20;

export class Findings implements FindingsSummary {
  count = 0;
  readonly first: Finding[] = [];

  add(finding: Finding): void {
    this.adopt({ count: 1, first: [finding] });
  }

  /** Takes over what somebody else has found. */
  adopt({ count, first }: FindingsSummary): void {
    this.count += count;
    this.first.push(...first.slice(0, KEPT_MAX - this.first.length));
  }
}
