// Exact sums of grouped topics, several topics at a time.
//
// Guarantees: each message of the topics is read once. Bounds: for each connection, the credit of TOPICS_PER_CONNECTION
// topics; and the sums.

import { readBatches, type BrokerReader } from '@pulses/broker-client';
import type { RecordBatch, TopicInfo } from '@pulses/broker-wire';
import { mapConcurrent } from '@pulses/shared-async';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import { nodeRandom } from '@pulses/shared-node-platform';
import { createGroupedReader, type GroupedReader } from '@pulses/shared-pulse-model';
import { forEachMessage } from '../each-message';
import { groupedDigits } from '../listing';
import { Sums } from './sums';

const TOPICS_PER_CONNECTION = 4;
const CREDIT_BYTES = 512 * 1024;
const KEYS_MAX = 4_000_000;

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
  async read(clients: readonly BrokerReader[], topics: readonly TopicInfo[]): Promise<void> {
    this.#of = topics.reduce((sum, { startOffset, nextOffset }) => sum + nextOffset - startOffset, 0);
    await mapConcurrent(topics.entries(), TOPICS_PER_CONNECTION * clients.length, ([index, info]) =>
      this.#readTopic(clients[index % clients.length] as BrokerReader, info),
    );
  }

  async #readTopic(client: BrokerReader, info: TopicInfo): Promise<void> {
    const { topic, incarnation, startOffset: fromOffset, nextOffset: untilOffset } = info;
    const range = { topic, incarnation, fromOffset, untilOffset, creditBytes: CREDIT_BYTES };
    for await (const batches of readBatches(client, range)) for (const batch of batches) this.#add(topic, batch);
  }

  /** The batch is lent: nothing of it is kept. */
  #add(topic: string, { baseOffset, payload }: RecordBatch): void {
    const reader = this.#reader;
    forEachMessage(payload, (start, end, index) => {
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
