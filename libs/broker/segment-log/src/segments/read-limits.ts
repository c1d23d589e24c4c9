// Up to where topics were read: retention keeps the rest.

import { UNCLAIMED_GROUP, type LogState } from '../commit/log-state';
import type { RetentionPolicy } from '../options';

/** One moment's view of the positions. */
export class ReadLimits {
  readonly #state: LogState;
  readonly #policyOf: (kind: number) => RetentionPolicy | undefined;
  /** By topic id: the lowest position of any group. */
  readonly #lowest = new Map<number, number>();

  constructor(state: LogState, policyOf: (kind: number) => RetentionPolicy | undefined) {
    this.#state = state;
    this.#policyOf = policyOf;
    for (const { positions } of state.groups.values()) {
      for (const [topicId, byName] of positions) {
        for (const { offset } of byName.values()) {
          this.#lowest.set(topicId, Math.min(offset, this.#lowest.get(topicId) ?? Infinity));
        }
      }
    }
  }

  /** The offset below which every message was read by every group that reads the topic. */
  of(row: number): number {
    const { topics, owners, groups } = this.#state;
    const topicId = topics.idOf(row);
    const owner = owners.get(topicId);
    // A group that has claimed the outputs reads from the start, until it has stored a position.
    const hasNewOwner = owner !== undefined && groups.get(owner)?.positions.get(topicId) === undefined;
    const isLeftUnread = groups.get(UNCLAIMED_GROUP)?.positions.get(topicId)?.size === 0;
    if (hasNewOwner || isLeftUnread) return topics.startOffset(row);
    const keepsUnread = this.#policyOf(topics.kindOf(row))?.keepsUnread === true;
    return this.#lowest.get(topicId) ?? (keepsUnread ? topics.startOffset(row) : Infinity);
  }
}
