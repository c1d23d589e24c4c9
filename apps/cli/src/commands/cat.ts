// pulses cat: a topic's messages, byte for byte.

import { firstMessages, type PartitionInfo, type StoredBatch, type TopicReader } from '@pulses/connector-api';
import { mapConcurrent } from '@pulses/shared-async';
import { booleanSetting, integerKind, optional } from '@pulses/shared-settings';
import { defineCommand } from '../command';
import { connectorCommandSettings, findPartitions, withTopics } from '../connector-access';
import { filterSettings, lineFilterOf, type LineFilter } from '../line-filter';
import { chosenPartitions, partitionSettings } from '../partitions';

const AHEAD_BYTES = 4 * 1024 * 1024;

export const catCommand = defineCommand({
  name: 'cat',
  args: ['TOPIC'],
  purpose: 'Prints the messages of a topic, one a line.',
  details:
    'The bytes are exactly those stored, gapless and in order. Ends at the message that was the last when it started, ' +
    'unless it follows. With --tenant, --sku, --until or --through, lines that are no JSON objects are left out. ' +
    'Several partitions come one after the other, and side by side with --follow.',
  settings: {
    ...connectorCommandSettings,
    from: optional(integerKind({ min: 0, max: Number.MAX_SAFE_INTEGER }), {
      flag: 'from',
      description: 'Offset of the first message; without it, the first that is kept.',
    }),
    count: optional(integerKind({ min: 1, max: Number.MAX_SAFE_INTEGER }), {
      flag: 'count',
      description: 'Stop after this number of messages.',
    }),
    follow: booleanSetting({ flag: 'follow', description: 'Wait for further messages.' }),
    ...partitionSettings,
    ...filterSettings,
  },
  async run({ settings, args: [topic = ''], terminal, stopSignal }) {
    const { from, count = Infinity, follow, partition } = settings;
    const filter = lineFilterOf(topic, settings);
    const printer = new Printer(count, filter, (bytes) => terminal.write(bytes));
    await withTopics(settings, async (topics) => {
      const all = await findPartitions(topics, topic);
      const partitions = chosenPartitions(all, { partition, offsets: { from, to: undefined } });
      const stop = stopSignal();
      const signal = AbortSignal.any([stop, printer.full]);
      await mapConcurrent(partitions, follow ? partitions.length : 1, (info) =>
        printPartition(topics, info, { from, follow, signal }, printer),
      );
    });
    return 0;
  },
});

async function printPartition(
  topics: TopicReader,
  info: PartitionInfo,
  { from, follow, signal }: { from: number | undefined; follow: boolean; signal: AbortSignal },
  printer: Printer,
): Promise<void> {
  const { startOffset, nextOffset } = info;
  const fromOffset = from ?? startOffset;
  // An offset beyond the head is refused.
  const untilOffset = follow || fromOffset > nextOffset ? Infinity : nextOffset;
  for await (const some of topics.read(info, { fromOffset, untilOffset, aheadBytes: AHEAD_BYTES, signal }))
    for (const batch of some) {
      await printer.print(batch);
      if (printer.full.aborted) return;
    }
}

/** Prints up to `count` messages, whichever partition they come from. */
class Printer {
  readonly #full = new AbortController();
  readonly #filter: LineFilter | undefined;
  readonly #write: (bytes: Uint8Array) => Promise<void>;
  #left: number;

  constructor(count: number, filter: LineFilter | undefined, write: (bytes: Uint8Array) => Promise<void>) {
    this.#left = count;
    this.#filter = filter;
    this.#write = write;
  }

  /** Aborts once all messages asked for are printed. */
  get full(): AbortSignal {
    return this.#full.signal;
  }

  /** The batch is lent: nothing of it is kept. @throws OutputClosed */
  async print(batch: StoredBatch): Promise<void> {
    const lines = this.#filter?.(batch).slice(0, this.#left);
    const count = Math.min(lines?.length ?? batch.recordCount, this.#left);
    this.#left -= count;
    // A copy: the terminal may still hold it when the batch is freed.
    await this.#write(lines === undefined ? Buffer.from(firstMessages(batch, count)) : Buffer.concat(lines));
    if (this.#left === 0) this.#full.abort();
  }
}
