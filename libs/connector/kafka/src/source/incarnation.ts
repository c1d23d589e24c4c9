// The identity of a partition, which the ids of its outputs are derived from.

import { hash } from 'node:crypto';

/** Two partitions share no incarnation, and neither do two topics of one name. @param topicId 32 hex digits */
export function incarnationOf(topicId: string, partition: number): string {
  return hash('sha256', `${topicId} ${partition}`, 'hex').slice(0, 32);
}
