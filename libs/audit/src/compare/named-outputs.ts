// The partitions of an output topic, by the name that the lines' tenant gives it.

import type { PartitionInfo, TopicReader } from '@pulses/connector-api';
import type { AuditedOutput, AuditScope } from './scope';

/** Those to read again for some topics: their own, and the shared ones if a topic has none of its own. */
export function outputsToRead(scope: Pick<AuditScope, 'outputs'>, topics: readonly string[]): AuditedOutput[] {
  if (topics.length === 0) return [];
  const wanted = new Set(topics);
  const own = scope.outputs.filter(({ topic, isShared }) => isShared !== true && wanted.has(topic));
  const known = new Set(own.map(({ topic }) => topic));
  const shared = topics.some((topic) => !known.has(topic)) ? scope.outputs.filter(({ isShared }) => isShared) : [];
  return [...own, ...shared];
}

/** One topic alone, as far as the scope reaches. */
export async function partitionsOf(reader: TopicReader, scope: AuditScope, topic: string): Promise<PartitionInfo[]> {
  const own = scope.outputs.filter((info) => info.isShared !== true && info.topic === topic);
  if (own.length > 0) return own;
  const ends = new Map(
    scope.outputs.filter(({ isShared }) => isShared).map(({ incarnation, nextOffset }) => [incarnation, nextOffset]),
  );
  if (ends.size === 0) return [];
  return (await reader.partitions(topic)).flatMap((info) => {
    const nextOffset = ends.get(info.incarnation);
    return nextOffset === undefined ? [] : [{ ...info, nextOffset }];
  });
}
