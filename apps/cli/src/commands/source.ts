// pulses source: what was published, by key.
//
// Guarantees: each pulse of the range counts once, read as the ingestor reads it. Bounds: the bytes on their way, and
// KEYS_MAX sums.

import { forEachMessage, type PartitionInfo, type StoredBatch, type TopicReader } from '@pulses/connector-api';
import { nodeClock, nodeRandom } from '@pulses/shared-node-platform';
import { createPulseReader, formatAmount } from '@pulses/shared-pulse-model';
import { optional, textKind, textSetting } from '@pulses/shared-settings';
import { defineCommand } from '../command';
import { connectorCommandSettings, findPartitions, withTopics } from '../connector-access';
import { groupedDigits, writeListing } from '../listing';
import { startProgress } from '../progress';
import { KeySelection, type LabelsAskedFor } from '../sums/key-selection';
import { SUM_COLUMNS, sumRow } from '../sums/sum-listing';
import { Sums } from '../sums/sums';

const AHEAD_BYTES = 4 * 1024 * 1024;
const KEYS_MAX = 1_000_000;

export const sourceCommand = defineCommand({
  name: 'source',
  purpose: 'Sums the source by tenant, SKU and unit, exactly.',
  details:
    'Reads each message up to the one that was the last when it started, grouped yet or not, and needs no ingestor. ' +
    'Invalid messages are left out; their number is a note on standard error.',
  settings: {
    ...connectorCommandSettings,
    sourceTopic: textSetting({ flag: 'source-topic', default: 'source.pulses', description: 'Topic of the pulses.' }),
    tenant: optional(textKind, { flag: 'tenant', description: 'Only pulses of this tenant.' }),
    sku: optional(textKind, { flag: 'sku', description: 'Only pulses of this SKU.' }),
  },
  async run({ settings, terminal, stopSignal }) {
    const summary = new SourceSummary({ tenant: settings.tenant, sku: settings.sku });
    const signal = stopSignal();
    const progress = await startProgress(terminal, nodeClock, () => `${groupedDigits(summary.messages)} messages read`);
    try {
      await withTopics(settings, async (topics) => {
        for (const partition of await findPartitions(topics, settings.sourceTopic))
          await summarize(topics, partition, summary, signal);
      });
    } finally {
      progress.stop();
    }
    signal.throwIfAborted();
    if (summary.invalid > 0) terminal.note(`pulses: invalid messages: ${groupedDigits(summary.invalid)}`);
    await writeListing(terminal, {
      columns: SUM_COLUMNS,
      rows: summary.sums.sorted().map((sum) => sumRow(sum, formatAmount(sum.amount))),
      asJson: settings.json,
      empty: 'no pulses',
    });
    return 0;
  },
});

/** Adds the partition's messages, from the first that is kept. @throws PulsesError of the stream and of the summary */
async function summarize(
  topics: TopicReader,
  partition: PartitionInfo,
  summary: SourceSummary,
  signal: AbortSignal,
): Promise<void> {
  const { startOffset: fromOffset, nextOffset: untilOffset } = partition;
  const range = { fromOffset, untilOffset, aheadBytes: AHEAD_BYTES, signal };
  for await (const batches of topics.read(partition, range)) for (const batch of batches) summary.add(batch);
}

/** The sums of the messages that were added. */
export class SourceSummary {
  readonly sums: Sums;
  readonly #selection: KeySelection;
  readonly #reader = createPulseReader();
  #messages = 0;
  #invalid = 0;

  constructor(selection: LabelsAskedFor, keysMax = KEYS_MAX) {
    this.#selection = new KeySelection(selection);
    this.sums = new Sums({ keysMax, random: nodeRandom });
  }

  get messages(): number {
    return this.#messages;
  }

  /** Messages that are no pulses, of whichever tenant. */
  get invalid(): number {
    return this.#invalid;
  }

  /** @throws PulsesError CONFIG_INVALID when there are too many keys */
  add(batch: StoredBatch): void {
    forEachMessage(batch, (start, end) => {
      this.#addMessage(batch.payload, start, end);
    });
  }

  #addMessage(payload: Uint8Array, start: number, end: number): void {
    const reader = this.#reader;
    this.#messages += 1;
    if (!reader.read(payload, start, end)) this.#invalid += 1;
    else if (this.#selection.allows(reader)) this.sums.add(reader, reader.amount);
  }
}
