// pulses topics: what the broker holds.

import type { TopicInfo } from '@pulses/broker-wire';
import { optional, textKind } from '@pulses/shared-service-host';
import { brokerCommandSettings, withBroker } from '../broker-access';
import { defineCommand } from '../command';
import { groupedDigits, writeListing, type Column, type Row } from '../listing';
import { visibleJson } from '../visible-text';

const COLUMNS: readonly Column[] = [
  { title: 'topic', align: 'left' },
  { title: 'messages', align: 'right' },
  { title: 'bytes', align: 'right' },
  { title: 'first', align: 'right' },
  { title: 'last', align: 'right' },
  { title: 'first time', align: 'left' },
  { title: 'last time', align: 'left' },
  { title: 'incarnation', align: 'left' },
];

export const topicsCommand = defineCommand({
  name: 'topics',
  purpose: 'Lists the topics.',
  details: 'For each: messages and bytes kept, offsets and broker times of the first and last message, incarnation.',
  settings: {
    ...brokerCommandSettings,
    prefix: optional(textKind, { flag: 'prefix', description: 'Only topics whose name starts so.' }),
  },
  async run({ settings, terminal }) {
    const topics = await withBroker(settings, (client) => client.listTopics(settings.prefix ?? ''));
    await writeListing(terminal, {
      columns: COLUMNS,
      rows: topics.map(rowOf),
      asJson: settings.json,
      empty: 'no topics',
    });
    return 0;
  },
});

function rowOf(info: TopicInfo): Row {
  const { topic, incarnation, startOffset, nextOffset, bytes } = info;
  const messages = nextOffset - startOffset;
  const [first, last] = messages === 0 ? [null, null] : [startOffset, nextOffset - 1];
  const [firstTime, lastTime] = [timeText(info.firstTimestampMs), timeText(info.lastTimestampMs)];
  return {
    cells: [
      topic,
      groupedDigits(messages),
      groupedDigits(bytes),
      `${first ?? '–'}`,
      `${last ?? '–'}`,
      firstTime ?? '–',
      lastTime ?? '–',
      incarnation,
    ],
    json: visibleJson({
      topic,
      messages,
      bytes,
      first_offset: first,
      last_offset: last,
      first_time: firstTime,
      last_time: lastTime,
      incarnation,
    }),
  };
}

/** 0 stands for no message. */
function timeText(timeMs: number): string | null {
  return timeMs === 0 ? null : new Date(timeMs).toISOString();
}
