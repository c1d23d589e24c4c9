// pulses cat: a topic's messages, byte for byte.

import { findTopic, readBatches } from '@pulses/broker-client';
import { booleanSetting, integerKind, optional } from '@pulses/shared-settings';
import { brokerCommandSettings, withBroker } from '../broker-access';
import { defineCommand } from '../command';
import { filterSettings, lineFilterOf } from '../line-filter';

const CREDIT_BYTES = 4 * 1024 * 1024;

export const catCommand = defineCommand({
  name: 'cat',
  args: ['TOPIC'],
  purpose: 'Prints the messages of a topic, one a line.',
  details:
    'The bytes are exactly those stored, gapless and in order. Ends at the message that was the last when it started, ' +
    'unless it follows. With --tenant, --sku, --until or --through, lines that are no JSON objects are left out.',
  settings: {
    ...brokerCommandSettings,
    from: optional(integerKind({ min: 0, max: Number.MAX_SAFE_INTEGER }), {
      flag: 'from',
      description: 'Offset of the first message; without it, the first that is kept.',
    }),
    count: optional(integerKind({ min: 1, max: Number.MAX_SAFE_INTEGER }), {
      flag: 'count',
      description: 'Stop after this number of messages.',
    }),
    follow: booleanSetting({ flag: 'follow', description: 'Wait for further messages.' }),
    ...filterSettings,
  },
  async run({ settings, args: [topic = ''], terminal, stopSignal }) {
    const { from, count = Infinity, follow } = settings;
    const filter = lineFilterOf(topic, settings);
    await withBroker(settings, async (client) => {
      const { incarnation, startOffset, nextOffset } = await findTopic(client, topic);
      const fromOffset = from ?? startOffset;
      const headOffset = follow ? Infinity : nextOffset;
      // The broker refuses an offset beyond the head.
      const untilOffset = Math.max(
        Math.min(headOffset, fromOffset + (filter === undefined ? count : Infinity)),
        fromOffset > nextOffset ? Infinity : 0,
      );
      const batches = readBatches(client, {
        topic,
        incarnation,
        fromOffset,
        untilOffset,
        creditBytes: CREDIT_BYTES,
        signal: stopSignal(),
      });
      let left = count;
      for await (const some of batches)
        for (const batch of some) {
          const lines = filter?.(batch).slice(0, left);
          left -= lines?.length ?? 0;
          // A copy: the terminal may still hold it when the batch is freed.
          await terminal.write(lines === undefined ? Buffer.from(batch.payload) : Buffer.concat(lines));
          if (left === 0) return;
        }
    });
    return 0;
  },
});
