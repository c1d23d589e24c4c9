// Output lines of one transaction, as records of the topics that all tenants share.
//
//   grouped lines   tenants.grouped.pulses               key: the tenant id
//   sums            tenants.aggregated.pulses.amount     key: the tenant id
//   dead letters    <source>.dead-letter                 no key; the partition is that of the source
//
// Guarantees: the lines of a partition keep the order of the commits. Bounds: the caller bounds what it adds; a batch ends
// at `BATCH_BYTES_MAX`, below the limit of a topic that has Kafka's defaults. Memory is used again after `clear`, of
// `KEPT_WRITERS_MAX` batches a partition.

import type { OutputCommit, TenantColumns } from '@pulses/connector-api';
import type { ProducedBatch } from '../protocol/produce';
import type { KafkaTopic } from '../protocol/topic-metadata';
import { BatchWriter } from '../records/batch-writer';
import type { Compression } from '../records/compression';
import type { NumberBatch } from '../transaction/transactions';
import { TenantKeys } from './tenant-keys';

/** A topic takes batches of 1 MiB by default. */
const BATCH_BYTES_MAX = 900 * 1024;
const KEPT_WRITERS_MAX = 2;
const LINE_FEED = 10;
const NO_KEY = undefined;

/** Topics of the outputs. */
export interface OutputTopicsOptions {
  readonly grouped: KafkaTopic;
  readonly aggregated: KafkaTopic;
  readonly deadLetter: KafkaTopic;
}

/** What stays the same from transaction to transaction. */
export class OutputTopics {
  readonly grouped: TenantTopic;
  readonly aggregated: TenantTopic;
  readonly deadLetter: { readonly topic: string; readonly partition: number };

  constructor({ grouped, aggregated, deadLetter }: OutputTopicsOptions, sourcePartition: number) {
    this.grouped = tenantTopic(grouped);
    this.aggregated = tenantTopic(aggregated);
    this.deadLetter = { topic: deadLetter.name, partition: sourcePartition % deadLetter.partitions.length };
  }
}

interface TenantTopic {
  readonly topic: string;
  readonly keys: TenantKeys;
}

function tenantTopic({ name, partitions }: KafkaTopic): TenantTopic {
  return { topic: name, keys: new TenantKeys(partitions.length) };
}

interface PartitionOutput {
  readonly topic: string;
  readonly partition: number;
  readonly writers: BatchWriter[];
  /** The number of writers in use; the last one takes lines. */
  used: number;
}

export class OutputBuffer {
  readonly #topics: OutputTopics;
  readonly #outputs = new Map<string, PartitionOutput[]>();

  constructor(topics: OutputTopics) {
    this.#topics = topics;
  }

  /** Copies the lines of a commit. */
  add({ grouped, aggregated, deadLetters }: OutputCommit): void {
    const topics = this.#topics;
    if (grouped !== undefined) this.#addColumns(topics.grouped, grouped);
    if (aggregated !== undefined) this.#addColumns(topics.aggregated, aggregated);
    if (deadLetters !== undefined) {
      const output = this.#output(topics.deadLetter.topic, topics.deadLetter.partition);
      addLines(output, NO_KEY, bufferOf(deadLetters.payload), 0, deadLetters.payload.length);
    }
  }

  /** Forgets the lines. The bytes of the batches are no longer valid. */
  clear(): void {
    for (const output of this.#all()) {
      output.writers.length = Math.min(output.writers.length, KEPT_WRITERS_MAX);
      for (const writer of output.writers) writer.reset();
      output.used = 0;
    }
  }

  /** The batches as rounds: each has at most one batch of a partition. Call once, then `clear`. */
  rounds(compression: Compression, timestampMs: number, number: NumberBatch): readonly (readonly ProducedBatch[])[] {
    const rounds: ProducedBatch[][] = [];
    for (const { topic, partition, writers, used } of this.#all())
      for (const [round, writer] of writers.slice(0, used).entries()) {
        const numbered = number(topic, partition, writer.recordCount);
        const batch = writer.finish({ compression, timestampMs, producer: { ...numbered, isTransactional: true } });
        (rounds[round] ??= []).push({ topic, partition, batch });
      }
    return rounds;
  }

  #addColumns({ topic, keys }: TenantTopic, { tenants, indexes, lengths, payload }: TenantColumns): void {
    keys.use(tenants);
    const bytes = bufferOf(payload);
    let end = 0;
    for (let row = 0; row < indexes.length; row += 1) {
      const index = indexes[row]!; // in range
      const start = end;
      end += lengths[row]!; // as many as indexes
      addLines(this.#output(topic, keys.partition(index)), keys.key(index), bytes, start, end);
    }
  }

  /** Partitions that have had lines. */
  #all(): readonly PartitionOutput[] {
    return [...this.#outputs.values()].flatMap((outputs) => Object.values(outputs));
  }

  #output(topic: string, partition: number): PartitionOutput {
    let outputs = this.#outputs.get(topic);
    if (outputs === undefined) this.#outputs.set(topic, (outputs = []));
    return (outputs[partition] ??= { topic, partition, writers: [], used: 0 });
  }
}

/** Each line of `bytes[start, end)` is ended by a line feed, which the record does not need. */
function addLines(output: PartitionOutput, key: Buffer | undefined, bytes: Buffer, start: number, end: number): void {
  const { writers } = output;
  let writer = writers[output.used - 1];
  for (let from = start; from < end;) {
    const to = bytes.indexOf(LINE_FEED, from);
    if (writer?.hasRoomFor(key?.length ?? 0, to - from) !== true) {
      writer = writers[output.used] ??= new BatchWriter(BATCH_BYTES_MAX);
      output.used += 1;
    }
    writer.append(key, bytes, from, to);
    from = to + 1;
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
