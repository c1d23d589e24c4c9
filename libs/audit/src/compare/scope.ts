// What an audit of a running system can compare: what was stored before it began.
//
// The positions are read first, then the list of topics, then the positions again. Outputs of offsets below the first
// reading are all stored, and are compared. Outputs at or beyond the second reading can't exist yet: they are findings.
// Outputs in between came while the audit began, and are skipped.
//
//   grouped    next source offset whose grouped line or dead letter is not stored
//   windowed   first source offset of the oldest window whose sums are not all stored; with metadata when some are

import type { GroupPosition, PartitionInfo, TopicReader } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import {
  aggregatedTopic,
  deadLetterTopic,
  encodeTenant,
  groupedTopic,
  topicKindOf,
  type SourceId,
} from '@pulses/shared-pulse-model';
import { uncheckedOf, type UncheckedRange } from './coverage';

/** An output partition to compare. */
export interface AuditedOutput extends PartitionInfo {
  readonly kind: 'grouped' | 'aggregated' | 'dead_letter';
}

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
  /** Output topics of all tenants, compared or not. */
  readonly outputCount: number;
}

export interface AuditScope extends ComparedLines {
  /** The output topics to compare, as they were after the first reading. */
  readonly outputs: readonly AuditedOutput[];
  /** True for the output topics to compare, whether they exist or not. */
  isInScope(topic: string): boolean;
  /** The group has committed positions on this source. */
  readonly hasPositions: boolean;
  /** Retention has removed source offsets that were asked for. */
  readonly isTrimmed: boolean;
  /** Parts of what was asked for that can't be compared, as far as source and positions tell. */
  readonly unchecked: readonly UncheckedRange[];
  /** What is wrong with the positions themselves. */
  readonly wrongPositions: readonly string[];
}

/** Which part of the source and of its outputs to compare; all of it by default. */
export interface AuditSelection {
  readonly sourceTopic: string;
  /** Numbers of the source's partitions, at least one; without it, a source that has none. */
  readonly partitions?: readonly (number | undefined)[];
  readonly group: string;
  /** First source offset. */
  readonly from?: number | undefined;
  /** Source offset behind the last. */
  readonly to?: number | undefined;
  /** Only this tenant's topics. */
  readonly tenant?: string | undefined;
}

/**
 * The scope of each partition, in the order of the selection. All have the same outputs.
 * @throws PulsesError TOPIC_UNKNOWN when there is no such source; CONFIG_INVALID when there is no such group
 */
export async function readScopes(reader: TopicReader, selection: AuditSelection): Promise<readonly AuditScope[]> {
  const { sourceTopic, partitions = [undefined], group, tenant } = selection;
  const found = await findPartitions(reader, sourceTopic, partitions);
  const positionsBefore = await reader.positions('');
  const groupName = await checkedGroup(reader, positionsBefore, group, sourceTopic);
  const ofTenants = await reader.outputs();
  const outputs = [
    ...(tenant === undefined ? await outputsOfKind(reader, deadLetterTopic(sourceTopic), 'dead_letter') : []),
    ...(tenant === undefined ? ofTenants : await outputsOf(reader, tenant)),
  ];
  const now = await findPartitions(reader, sourceTopic, partitions, found);
  const positionsAfter = await reader.positions('');
  const shared = { outputCount: ofTenants.length, outputs, isInScope: inScope(sourceTopic, tenant) };
  return now.map((info) => ({
    ...shared,
    ...scopeOf(info, selection, (source, keptFrom) => ({
      before: positionsOf(positionsBefore, source, groupName, keptFrom),
      after: positionsOf(positionsAfter, source, groupName, keptFrom),
      otherSources: otherSourcesOf(positionsAfter, source),
    })),
  }));
}

interface ScopePositions {
  readonly before: ReturnType<typeof positionsOf>;
  readonly after: ReturnType<typeof positionsOf>;
  readonly otherSources: readonly SourceId[];
}

/** @param sourceNow as listed after the first reading of positions, so it reaches beyond each that is right */
function scopeOf(
  sourceNow: PartitionInfo,
  { from = 0, to = Infinity }: AuditSelection,
  positionsAt: (source: SourceId, keptFrom: number) => ScopePositions,
): Omit<AuditScope, 'outputCount' | 'outputs' | 'isInScope'> {
  const { topic, incarnation, partition, startOffset: keptFrom, nextOffset: end } = sourceNow;
  const source = { topic, incarnation, ...(partition === undefined ? {} : { partition }) };
  const { before, after, otherSources } = positionsAt(source, keptFrom);
  const [grouped, windowed] = [Math.min(before.grouped, end), Math.min(before.windowed, end)];
  const startOffset = Math.max(keptFrom, from);
  return {
    source,
    otherSources,
    startOffset,
    groupedOffset: Math.max(startOffset, Math.min(grouped, to)),
    windowedOffset: Math.max(startOffset, Math.min(windowed, to)),
    groupedLimit: after.grouped,
    windowedLimit: after.windowed + (after.isPartlyEmitted ? 1 : 0),
    hasPositions: before.areStored,
    isTrimmed: keptFrom > from,
    unchecked: uncheckedOf({ from, to, keptFrom, grouped, windowed }),
    wrongPositions: wrongPositionsOf(before, end),
  };
}

/** @throws PulsesError CONFIG_INVALID: an audit of a mistyped name, or of a group whose outputs are another's, would call them wrong */
async function checkedGroup(
  reader: TopicReader,
  positions: readonly GroupPosition[],
  group: string,
  sourceTopic: string,
): Promise<string> {
  const name = reader.groupOf(group, sourceTopic);
  const groups = await reader.groups();
  if (![...positions, ...groups].some((stored) => stored.group === name))
    throw new PulsesError('CONFIG_INVALID', `--group: '${group}' is not valid: no such group reads ${sourceTopic}`);
  const owner = groups.find(({ sources }) => sources.includes(sourceTopic))?.group ?? name;
  if (owner === name) return name;
  const suffix = reader.groupOf('', sourceTopic);
  const allowed = owner.endsWith(suffix) ? owner.slice(0, owner.length - suffix.length) : owner;
  throw new PulsesError(
    'CONFIG_INVALID',
    `--group: '${group}' is not valid: the outputs of ${sourceTopic} belong to the group '${allowed}'`,
  );
}

/**
 * @param before the same partitions, found earlier
 * @throws PulsesError TOPIC_UNKNOWN when the source was deleted, or deleted and made again
 */
async function findPartitions(
  reader: TopicReader,
  topic: string,
  wanted: readonly (number | undefined)[],
  before?: readonly PartitionInfo[],
): Promise<PartitionInfo[]> {
  const partitions = await reader.partitions(topic);
  return wanted.map((number, index) => {
    const info = partitions.find(({ partition }) => partition === number);
    if (info === undefined) throw new PulsesError('TOPIC_UNKNOWN', `topic ${topic} does not exist`);
    if (before !== undefined && info.incarnation !== before[index]?.incarnation)
      throw new PulsesError('TOPIC_UNKNOWN', `topic ${topic} was deleted`);
    return info;
  });
}

async function outputsOf(reader: TopicReader, tenant: string): Promise<AuditedOutput[]> {
  const encoded = encodeTenant(Buffer.from(tenant));
  return [
    ...(await outputsOfKind(reader, aggregatedTopic(encoded), 'aggregated')),
    ...(await outputsOfKind(reader, groupedTopic(encoded), 'grouped')),
  ];
}

async function outputsOfKind(
  reader: TopicReader,
  topic: string,
  kind: AuditedOutput['kind'],
): Promise<AuditedOutput[]> {
  return (await reader.partitions(topic)).map((info) => ({ ...info, kind }));
}

function wrongPositionsOf({ grouped, windowed }: { grouped: number; windowed: number }, end: number): string[] {
  const beyondEnd = Object.entries({ grouped, windowed })
    .filter(([, offset]) => offset > end)
    .map(([name, offset]) => `the position ${name}, ${offset}, is beyond the end of the source, ${end}`);
  return windowed > grouped ? [...beyondEnd, 'the position windowed is beyond the position grouped'] : beyondEnd;
}

/** The part of a scope that can be sent to a thread. */
export function comparedLinesOf(scope: ComparedLines): ComparedLines {
  const { source, otherSources, startOffset, groupedOffset, windowedOffset } = scope;
  const { groupedLimit, windowedLimit, outputCount } = scope;
  return {
    ...{ source, otherSources, startOffset, groupedOffset, windowedOffset },
    ...{ groupedLimit, windowedLimit, outputCount },
  };
}

function inScope(sourceTopic: string, tenant: string | undefined): (topic: string) => boolean {
  if (tenant === undefined)
    return (topic) => topic === deadLetterTopic(sourceTopic) || ['grouped', 'aggregated'].includes(topicKindOf(topic));
  const encoded = encodeTenant(Buffer.from(tenant));
  const topics = [groupedTopic(encoded), aggregatedTopic(encoded)];
  return (topic) => topics.includes(topic);
}

function positionsOf(stored: readonly GroupPosition[], source: SourceId, groupName: string, startOffset: number) {
  const find = (name: string) =>
    stored.find(
      (position) =>
        position.group === groupName &&
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

function otherSourcesOf(stored: readonly GroupPosition[], source: SourceId): SourceId[] {
  const others = new Map<string, SourceId>();
  for (const { name, topic, partition, incarnation } of stored)
    if (name === 'grouped' && (topic !== source.topic || incarnation !== source.incarnation))
      others.set(incarnation, { topic, incarnation, ...(partition === undefined ? {} : { partition }) });
  return [...others.values()];
}
