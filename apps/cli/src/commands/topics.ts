// pulses topics: what the broker holds.

import type { TopicInfo } from '@pulses/broker-wire';
import { optional, textKind } from '@pulses/shared-settings';
import { brokerCommandSettings, withBroker } from '../broker-access';
import { defineCommand } from '../command';
import { groupedDigits, writeListing, type Column, type Row } from '../listing';
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
    ...brokerCommandSettings,
    prefix: optional(textKind, { flag: 'prefix', description: 'Only topics whose name starts with this.' }),
  },
  async run({ settings, terminal }) {
    const { topics, lags } = await withBroker(settings, async (client) => {
      const positions = await readLags(client, '');
      return { topics: await client.listTopics(settings.prefix ?? ''), lags: groupLagsByTopic(positions) };
    });
    await writeListing(terminal, {
      columns: COLUMNS,
      rows: topics.map((info) => topicRow(info, lags.get(info.topic) ?? new Map())),
      asJson: settings.json,
      empty: 'no topics',
    });
    return 0;
  },
});

/** By topic, then group: messages that the group's foremost position is behind. */
export function groupLagsByTopic(positions: readonly PositionLag[]): Map<string, Map<string, number>> {
  const byTopic = new Map<string, Map<string, number>>();
  for (const { position, lag } of positions) {
    // Positions that a deleted owner has left are no group's.
    if (lag === null || position.group === '') continue;
    const lags = byTopic.get(position.topic) ?? new Map<string, number>();
    lags.set(position.group, Math.min(lag, lags.get(position.group) ?? Infinity));
    byTopic.set(position.topic, lags);
  }
  return byTopic;
}

/** An empty topic continues at its first offset: none is before it that could be read. */
export function topicRow(info: TopicInfo, lags: ReadonlyMap<string, number>): Row {
  const { topic, incarnation, startOffset, nextOffset, bytes } = info;
  const messages = nextOffset - startOffset;
  const last = messages === 0 ? null : nextOffset - 1;
  const [firstTime, lastTime] = [timeText(info.firstTimestampMs), timeText(info.lastTimestampMs)];
  return {
    cells: [
      topic,
      groupedDigits(messages),
      groupedDigits(bytes),
      `${startOffset}`,
      `${last ?? '–'}`,
      firstTime ?? '–',
      lastTime ?? '–',
      [...lags].map(([group, lag]) => `${group} ${groupedDigits(lag)}`).join(', '),
      incarnation,
    ],
    json: visibleJson({
      topic,
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

/** 0 stands for no message. */
function timeText(timeMs: number): string | null {
  return timeMs === 0 ? null : new Date(timeMs).toISOString();
}
