// What an audit of a running system can compare: what was stored before it began.
//
// The positions are read first, then the list of topics, then the positions again. Outputs that belong to offsets below the
// first reading are all stored, and are compared. Outputs at or beyond the second reading can't be there yet: they are
// nobody's. What lies between came while the audit began, and is passed over.
//
//   grouped    next source offset whose grouped line or dead letter is not stored
//   windowed   first source offset of the oldest window whose sums are not all stored; with metadata when some are

import type { StoredPosition, TopicInfo } from '@pulses/broker-wire';
import { brokerGroupOf } from '@pulses/connector-fs';
import { deadLetterTopic, topicKindOf, type SourceId } from '@pulses/shared-pulse-model';
import { findTopic, type BrokerReader } from '../broker-access';

export interface AuditScope {
  readonly source: SourceId;
  /** Other sources whose outputs may stand in the same topics. */
  readonly otherSources: readonly SourceId[];
  /** Source offsets `[startOffset, groupedOffset)` have their grouped lines and dead letters. */
  readonly startOffset: number;
  readonly groupedOffset: number;
  /** Source offsets below it belong to windows whose sums are stored. */
  readonly windowedOffset: number;
  /** No grouped line or dead letter has this source offset or a higher one. */
  readonly groupedLimit: number;
  /** No window that begins at this source offset or a higher one has a sum. */
  readonly windowedLimit: number;
  /** The output topics, as they were after the first reading. */
  readonly outputs: readonly TopicInfo[];
}

/** @throws PulsesError TOPIC_UNKNOWN when there is no such source */
export async function readScope(client: BrokerReader, sourceTopic: string, group: string): Promise<AuditScope> {
  const info = await findTopic(client, sourceTopic);
  const source = { topic: sourceTopic, incarnation: info.incarnation };
  const before = positionsOf(await client.readPositions('', ''), source, group, info.startOffset);
  const deadLetters = (await client.listTopics(deadLetterTopic(sourceTopic))).filter(
    ({ topic }) => topic === deadLetterTopic(sourceTopic),
  );
  const ofTenants = (await client.listTopics('tenants.')).filter(({ topic }) =>
    ['grouped', 'aggregated'].includes(topicKindOf(topic)),
  );
  const everyPosition = await client.readPositions('', '');
  const after = positionsOf(everyPosition, source, group, info.startOffset);
  return {
    source,
    otherSources: otherSourcesOf(everyPosition, source),
    startOffset: info.startOffset,
    groupedOffset: before.grouped,
    windowedOffset: before.windowed,
    groupedLimit: after.grouped,
    windowedLimit: after.windowed + (after.isPartlyEmitted ? 1 : 0),
    outputs: [...deadLetters, ...ofTenants],
  };
}

function positionsOf(stored: readonly StoredPosition[], source: SourceId, groupName: string, startOffset: number) {
  const find = (name: string) =>
    stored.find(
      (position) =>
        position.group === brokerGroupOf(groupName, source.topic) &&
        position.topic === source.topic &&
        position.incarnation === source.incarnation &&
        position.name === name,
    );
  const windowed = find('windowed');
  return {
    grouped: find('grouped')?.offset ?? startOffset,
    windowed: windowed?.offset ?? startOffset,
    isPartlyEmitted: windowed !== undefined && windowed.metadata !== '',
  };
}

function otherSourcesOf(stored: readonly StoredPosition[], source: SourceId): SourceId[] {
  const others = new Map<string, SourceId>();
  for (const { topic, incarnation } of stored)
    if (topic !== source.topic || incarnation !== source.incarnation) others.set(incarnation, { topic, incarnation });
  return [...others.values()];
}
