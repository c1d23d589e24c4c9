// One group protocol, as the member's loop drives it: a request to the coordinator, and what came of it.

import type { MemberIdentity } from './membership';
import type { Ownership } from './ownership';

export interface GroupDriver {
  /** What the coordinator last gave, and what is being given up. */
  readonly ownership: Ownership;
  /** As the coordinator knows it now. */
  identity(): MemberIdentity;
  /**
   * Makes the next request and takes its answer in. Resolves with the time until the next one is due.
   * @throws PulsesError; FENCED when the coordinator has removed the member, TOPIC_UNKNOWN when the topic was replaced
   */
  exchange(signal: AbortSignal): Promise<number>;
  /** These partitions are given up. The next exchange, which is due at once, says so. */
  release(partitions: Iterable<number>): void;
  /** Leaves the group. */
  leave(signal: AbortSignal): Promise<void>;
}
