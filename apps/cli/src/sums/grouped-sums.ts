// Exact sums of grouped topics, several partitions at a time.
//
// Guarantees: each message of the topics is read once. Bounds: for each connection, the read-ahead of
// PARTITIONS_PER_CONNECTION partitions; and the sums.

import { forEachMessage, type PartitionInfo, type StoredBatch, type TopicReader } from '@pulses/connector-api';
import { mapConcurrent } from '@pulses/shared-async';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import { nodeRandom } from '@pulses/shared-node-platform';
import { createGroupedReader, type GroupedReader } from '@pulses/shared-pulse-model';
import { groupedDigits } from '../listing';
import { Sums } from './sums';

const PARTITIONS_PER_CONNECTION = 4;
const AHEAD_BYTES = 512 * 1024;
const KEYS_MAX = 4_000_000;

type PartitionReader = Pick<TopicReader, 'read'>;

export class GroupedSums {
  readonly sums = new Sums({ keysMax: KEYS_MAX, random: nodeRandom });
  readonly #reader = createGroupedReader();
  readonly #counts: (pulse: GroupedReader) => boolean;
  #messages = 0;
  #of = 0;

  constructor(counts: (pulse: GroupedReader) => boolean) {
    this.#counts = counts;
  }

  /** For people, while it reads. */
  get progress(): string {
    return `${groupedDigits(this.#messages)} of ${groupedDigits(this.#of)} grouped pulses read`;
  }

  /** @throws PulsesError of the connections; OUTPUT_INVALID; CONFIG_INVALID when there are too many keys */
  async read(connections: readonly PartitionReader[], partitions: readonly PartitionInfo[]): Promise<void> {
    this.#of = partitions.reduce((sum, { startOffset, nextOffset }) => sum + nextOffset - startOffset, 0);
    await mapConcurrent(partitions.entries(), PARTITIONS_PER_CONNECTION * connections.length, ([index, info]) =>
      this.#readPartition(connections[index % connections.length] as PartitionReader, info),
    );
  }

  async #readPartition(topics: PartitionReader, info: PartitionInfo): Promise<void> {
    const { topic, startOffset: fromOffset, nextOffset: untilOffset } = info;
    const range = { fromOffset, untilOffset, aheadBytes: AHEAD_BYTES };
    for await (const batches of topics.read(info, range)) for (const batch of batches) this.#add(topic, batch);
  }

  /** The batch is lent: nothing of it is kept. */
  #add(topic: string, batch: StoredBatch): void {
    const { baseOffset, payload } = batch;
    const reader = this.#reader;
    forEachMessage(batch, (start, end, index) => {
      readLine(reader, payload, start, end, topic, baseOffset + index);
      if (this.#counts(reader)) this.sums.add(reader, reader.amount);
      this.#messages += 1;
    });
  }
}

function readLine(
  reader: GroupedReader,
  bytes: Uint8Array,
  start: number,
  end: number,
  topic: string,
  offset: number,
): void {
  try {
    reader.read(bytes, start, end);
  } catch (error) {
    if (!isPulsesError(error)) throw error;
    throw new PulsesError(error.code, `${topic}, offset ${offset}: ${error.message}`, { cause: error });
  }
}
