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

export interface FindingsSummary {
  readonly count: number;
  /** The first of them. */
  readonly first: readonly Finding[];
}

const KEPT_MAX = 20;

export class Findings implements FindingsSummary {
  count = 0;
  readonly first: Finding[] = [];

  add(finding: Finding): void {
    this.addAll({ count: 1, first: [finding] });
  }

  /** Adds what another reader has found. */
  addAll({ count, first }: FindingsSummary): void {
    this.count += count;
    this.first.push(...first.slice(0, KEPT_MAX - this.first.length));
  }
}
