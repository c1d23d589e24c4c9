// pulses topics: what the broker holds.

import type { PartitionInfo } from '@pulses/connector-api';
import { optional, textKind } from '@pulses/shared-settings';
import { defineCommand } from '../command';
import { connectorCommandSettings, withTopics } from '../connector-access';
import { groupedDigits, partitionText, writeListing, type Column, type Row } from '../listing';
import { visibleJson } from '../visible-text';
import { readLags, type PositionLag } from './positions';

const COLUMNS: readonly Column[] = [
  { title: 'topic', align: 'left' },
  { title: 'messages', align: 'right' },
  { title: 'bytes', align: 'right' },
  { title: 'first', align: 'right' },
  { title: 'last', align: 'right' },
  { title: 'first time', align: 'left' },
  { title: 'last time', align: 'left' },
  { title: 'lag', align: 'left' },
  { title: 'incarnation', align: 'left' },
];

export const topicsCommand = defineCommand({
  name: 'topics',
  purpose: 'Lists the topics.',
  details:
    'For each: messages and bytes kept, offsets and broker times of the first and last message, incarnation. ' +
    'An empty topic shows as first the offset of its next message. ' +
    "Also each group's lag by its foremost position; `pulses positions` lists all.",
  settings: {
    ...connectorCommandSettings,
    prefix: optional(textKind, { flag: 'prefix', description: 'Only topics whose name starts with this.' }),
  },
  async run({ settings, terminal }) {
    const { topics, lags } = await withTopics(settings, async (reader) => {
      const positions = await readLags(reader, '');
      return { topics: await reader.topics(settings.prefix ?? ''), lags: groupLagsByIncarnation(positions) };
    });
    await writeListing(terminal, {
      columns: COLUMNS,
      rows: topics.map((info) => topicRow(info, lags.get(info.incarnation) ?? new Map())),
      asJson: settings.json,
      empty: 'no topics',
    });
    return 0;
  },
});

/** By incarnation, then group: messages that the group's foremost position is behind. */
export function groupLagsByIncarnation(positions: readonly PositionLag[]): Map<string, Map<string, number>> {
  const byIncarnation = new Map<string, Map<string, number>>();
  for (const { position, lag } of positions) {
    // Positions that a deleted owner has left are no group's.
    if (lag === null || position.group === '') continue;
    const lags = byIncarnation.get(position.incarnation) ?? new Map<string, number>();
    lags.set(position.group, Math.min(lag, lags.get(position.group) ?? Infinity));
    byIncarnation.set(position.incarnation, lags);
  }
  return byIncarnation;
}

/** An empty topic continues at its first offset: none is before it that could be read. */
export function topicRow(info: PartitionInfo, lags: ReadonlyMap<string, number>): Row {
  const { topic, partition, incarnation, startOffset, nextOffset, bytes } = info;
  const messages = info.messages ?? nextOffset - startOffset;
  const last = messages === 0 ? null : nextOffset - 1;
  const [firstTime, lastTime] = [timeText(info.firstTimestampMs), timeText(info.lastTimestampMs)];
  return {
    cells: [
      partitionText(topic, partition),
      groupedDigits(messages),
      bytes === undefined ? '–' : groupedDigits(bytes),
      `${startOffset}`,
      `${last ?? '–'}`,
      firstTime ?? '–',
      lastTime ?? '–',
      [...lags].map(([group, lag]) => `${group} ${groupedDigits(lag)}`).join(', '),
      incarnation,
    ],
    json: visibleJson({
      topic,
      partition,
      messages,
      bytes,
      first_offset: startOffset,
      last_offset: last,
      first_time: firstTime,
      last_time: lastTime,
      lags: Object.fromEntries(lags),
      incarnation,
    }),
  };
}

/** 0 stands for no message, undefined for a system that does not tell. */
function timeText(timeMs = 0): string | null {
  return timeMs === 0 ? null : new Date(timeMs).toISOString();
}
