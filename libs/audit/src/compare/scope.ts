// What an audit of a running system can compare: what was stored before it began.
//
// The positions are read first, then the list of topics, then the positions again. Outputs of offsets below the first
// reading are all stored, and are compared. Outputs at or beyond the second reading can't exist yet: they are findings.
// Outputs in between came while the audit began, and are skipped.
//
//   grouped    next source offset whose grouped line or dead letter is not stored
//   windowed   first source offset of the oldest window whose sums are not all stored; with metadata when some are

import { brokerGroupOf, findTopic, type BrokerReader } from '@pulses/broker-client';
import type { StoredPosition, TopicInfo } from '@pulses/broker-wire';
import {
  aggregatedTopic,
  deadLetterTopic,
  encodeTenant,
  groupedTopic,
  topicKindOf,
  type SourceId,
} from '@pulses/shared-pulse-model';

/** Which lines of the output topics are compared. */
export interface ComparedLines {
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
}

export interface AuditScope extends ComparedLines {
  /** The output topics to compare, as they were after the first reading. */
  readonly outputs: readonly TopicInfo[];
  /** True for the output topics to compare, whether they exist or not. */
  isInScope(topic: string): boolean;
  /** The group has committed positions on this source. */
  readonly hasPositions: boolean;
}

/** Which part of the source and of its outputs to compare; all of it by default. */
export interface AuditSelection {
  readonly sourceTopic: string;
  readonly group: string;
  /** First source offset. */
  readonly from?: number | undefined;
  /** Source offset behind the last. */
  readonly to?: number | undefined;
  /** Only this tenant's topics. */
  readonly tenant?: string | undefined;
}

/** @throws PulsesError TOPIC_UNKNOWN when there is no such source */
export async function readScope(client: BrokerReader, selection: AuditSelection): Promise<AuditScope> {
  const { sourceTopic, group, from = 0, to = Infinity, tenant } = selection;
  const info = await findTopic(client, sourceTopic);
  const source = { topic: sourceTopic, incarnation: info.incarnation };
  const before = positionsOf(await client.readPositions('', ''), source, group, info.startOffset);
  const startOffset = Math.max(info.startOffset, from);
  const isInScope = inScope(sourceTopic, tenant);
  const ofSource = await client.listTopics(deadLetterTopic(sourceTopic));
  const outputs = [...ofSource, ...(await client.listTopics('tenants.'))].filter(({ topic }) => isInScope(topic));
  const everyPosition = await client.readPositions('', '');
  const after = positionsOf(everyPosition, source, group, info.startOffset);
  return {
    source,
    otherSources: otherSourcesOf(everyPosition, source),
    startOffset,
    groupedOffset: Math.max(startOffset, Math.min(before.grouped, to)),
    windowedOffset: Math.max(startOffset, Math.min(before.windowed, to)),
    groupedLimit: after.grouped,
    windowedLimit: after.windowed + (after.isPartlyEmitted ? 1 : 0),
    outputs,
    isInScope,
    hasPositions: before.areStored,
  };
}

/** The part of a scope that can be sent to a thread. */
export function comparedLinesOf(scope: ComparedLines): ComparedLines {
  const { source, otherSources, startOffset, groupedOffset, windowedOffset, groupedLimit, windowedLimit } = scope;
  return { source, otherSources, startOffset, groupedOffset, windowedOffset, groupedLimit, windowedLimit };
}

function inScope(sourceTopic: string, tenant: string | undefined): (topic: string) => boolean {
  if (tenant === undefined)
    return (topic) => topic === deadLetterTopic(sourceTopic) || ['grouped', 'aggregated'].includes(topicKindOf(topic));
  const encoded = encodeTenant(Buffer.from(tenant));
  const topics = [groupedTopic(encoded), aggregatedTopic(encoded)];
  return (topic) => topics.includes(topic);
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
  const [grouped, windowed] = [find('grouped'), find('windowed')];
  return {
    areStored: grouped !== undefined,
    grouped: grouped?.offset ?? startOffset,
    windowed: windowed?.offset ?? startOffset,
    isPartlyEmitted: windowed !== undefined && windowed.metadata !== '',
  };
}

function otherSourcesOf(stored: readonly StoredPosition[], source: SourceId): SourceId[] {
  const others = new Map<string, SourceId>();
  for (const { name, topic, incarnation } of stored)
    if (name === 'grouped' && (topic !== source.topic || incarnation !== source.incarnation))
      others.set(incarnation, { topic, incarnation });
  return [...others.values()];
}
