// pulses positions: how far the groups are.

import type { GroupPosition, PartitionInfo, TopicReader } from '@pulses/connector-api';
import { isPulsesError } from '@pulses/shared-errors';
import { optional, textKind } from '@pulses/shared-settings';
import { defineCommand } from '../command';
import { connectorCommandSettings, withTopics } from '../connector-access';
import { groupedDigits, partitionText, writeListing, type Column, type Row } from '../listing';
import { visibleJson } from '../visible-text';

const METADATA_SHOWN_MAX = 60;
/** Above it a lag counts offsets, also those that are no messages. */
const COUNTED_MAX = 10_000;
const AHEAD_BYTES = 1024 * 1024;

/** In place of a group: the positions wait for the next one that claims the outputs. */
const LEFT_BY_OWNER = '(left by a deleted group)';

const COLUMNS: readonly Column[] = [
  { title: 'group', align: 'left' },
  { title: 'topic', align: 'left' },
  { title: 'name', align: 'left' },
  { title: 'offset', align: 'right' },
  { title: 'lag', align: 'right' },
  { title: 'revision', align: 'right' },
  { title: 'metadata', align: 'left' },
];

export const positionsCommand = defineCommand({
  name: 'positions',
  purpose: 'Lists the positions of the groups.',
  details:
    'Offset: the next one to read. Lag: messages from there to the end; above 10,000, offsets. Revision: how often the position was ' +
    'changed. A group carries its source in its name, as in ingestor@source.pulses. Positions that groups delete has left for ' +
    'the next owner of the outputs have no group.',
  settings: {
    ...connectorCommandSettings,
    group: optional(textKind, { flag: 'group', description: 'Only this group, with or without its source.' }),
    topic: optional(textKind, { flag: 'topic', description: 'Only positions on this topic.' }),
  },
  async run({ settings, terminal }) {
    const { group, topic = '' } = settings;
    const positions = await withTopics(settings, (topics) => readLags(topics, topic));
    const isWanted = ({ group: name }: GroupPosition) =>
      group === undefined || name === group || name.startsWith(`${group}@`);
    await writeListing(terminal, {
      columns: COLUMNS,
      rows: positions.filter(({ position }) => isWanted(position)).map(positionRow),
      asJson: settings.json,
      empty: 'no positions',
    });
    return 0;
  },
});

export interface PositionLag {
  readonly position: GroupPosition;
  /** Messages from the position to the head; null when the position is of a topic that is gone. */
  readonly lag: number | null;
}

/** The positions on a topic, or on all ('') with their lags, by group, topic and name. */
export async function readLags(topics: TopicReader, topic: string): Promise<PositionLag[]> {
  const positions = await topics.positions(topic);
  // Read after the positions, so that no lag is below zero.
  const ends = new Map((await topics.topics(topic)).map((info) => [endKey(info), info]));
  const lags: PositionLag[] = [];
  for (const position of positions) {
    const end = ends.get(endKey(position));
    lags.push({ position, lag: end === undefined ? null : await lagOf(topics, position, end) });
  }
  return lags.sort(({ position: one }, { position: other }) => order(sortKey(one), sortKey(other)));
}

/** A topic that was made again has another incarnation. */
function endKey({ topic, incarnation }: { readonly topic: string; readonly incarnation: string }): string {
  return `${topic}\n${incarnation}`;
}

/** Where offsets are no messages, such as ticks of an idle partition, few ones are read and counted. */
async function lagOf(topics: TopicReader, { offset }: GroupPosition, end: PartitionInfo): Promise<number> {
  const { partition, messages, startOffset, nextOffset } = end;
  const offsets = nextOffset - offset;
  const hasGaps = partition !== undefined || messages !== undefined;
  if (!hasGaps || offsets === 0 || offsets > COUNTED_MAX) return offsets;
  const range = { fromOffset: Math.max(offset, startOffset), untilOffset: nextOffset, aheadBytes: AHEAD_BYTES };
  let count = 0;
  try {
    for await (const batches of topics.read(end, range)) for (const { recordCount } of batches) count += recordCount;
  } catch (error) {
    // Retention, or a deletion, was faster.
    if (isPulsesError(error, 'OFFSET_OUT_OF_RANGE') || isPulsesError(error, 'TOPIC_UNKNOWN')) return offsets;
    throw error;
  }
  return count;
}

/** Names hold no control characters. */
function sortKey({ group, topic, partition = 0, name }: GroupPosition): string {
  return [group, topic, String(partition).padStart(10, '0'), name].join('\n');
}

function order(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

export function positionRow({ position, lag }: PositionLag): Row {
  const { group, topic, partition, incarnation, name, offset, revision, metadata } = position;
  const shown = metadata.length > METADATA_SHOWN_MAX ? `${metadata.slice(0, METADATA_SHOWN_MAX)}…` : metadata;
  return {
    cells: [
      group === '' ? LEFT_BY_OWNER : group,
      partitionText(topic, partition),
      name,
      groupedDigits(offset),
      lag === null ? '–' : groupedDigits(lag),
      revision === undefined ? '–' : groupedDigits(revision),
      shown,
    ],
    json: visibleJson({ group, topic, partition, name, offset, lag, revision, metadata, incarnation }),
  };
}
