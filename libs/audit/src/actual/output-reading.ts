// What the output topics hold, of all sources of an audit in one pass: counted and digested.
//
// Most topics of a kind are read in the order in which they are stored, which costs the broker little however small they are.
// A few are read one by one, several at a time.
//
// Bounds: in stored order the digests of all topics, for each source; of shared ones, for each that has a line in them.
// Else for each connection the credit and the digests of TOPICS_PER_CLIENT topics. Afterwards a few numbers and a line of
// text for each digest.

import type { PartitionInfo, ReadRange, TopicReader } from '@pulses/connector-api';
import { mapConcurrent } from '@pulses/shared-async';
import type { DigestMemory } from '../compare/line-digest';
import type { AuditedOutput, ComparedLines } from '../compare/scope';
import { SourceOutputs } from './source-outputs';
import { TopicSources, type TopicReading } from './topic-sources';

const TOPICS_PER_CLIENT = 4;
const AHEAD_BYTES = 512 * 1024;
/** In stored order all topics of a kind are read: that pays for this share of all output topics. */
const STORED_ORDER_SHARE_MIN = 0.25;

/** What was read of some topics. It can be sent to a thread. */
export interface OutputReadings {
  /** For each source, in their order. */
  readonly bySource: readonly (readonly TopicReading[])[];
  /** Lines of other sources, by topic. */
  readonly otherLines: ReadonlyMap<string, number>;
}

/** `skimming` looks at the first and last line of a batch where that is enough; see OutputTopic.isSkimmed. */
export type Manner = 'skimming' | 'line by line';

export class OutputReader {
  readonly sources: readonly SourceOutputs[];
  readonly #readers: readonly TopicReader[];
  readonly #outputCount: number;
  readonly #otherLines = new Map<string, number>();
  readonly #memory: DigestMemory = { bytes: 0 };
  #readCount = 0;

  /** @param scopes of the sources, at least one */
  constructor(readers: readonly TopicReader[], scopes: readonly ComparedLines[]) {
    this.#readers = readers;
    this.#outputCount = scopes[0]?.outputCount ?? 0;
    this.sources = scopes.map((scope) => new SourceOutputs(scope));
  }

  /** Messages read so far. */
  get readCount(): number {
    return this.#readCount;
  }

  /** Lines of other sources in the topics. */
  get otherLineCount(): number {
    return [...this.#otherLines.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Reads topics; replaces earlier readings of them. Calls `onProgress` now and then. */
  async read(infos: readonly AuditedOutput[], manner: Manner, onProgress: () => void): Promise<void> {
    const [shared, own] = [infos.filter(({ isShared }) => isShared), infos.filter(({ isShared }) => isShared !== true)];
    for (const ofKind of byKind(shared)) await this.#readInStoredOrder(ofKind, manner, onProgress);
    if (own.length >= STORED_ORDER_SHARE_MIN * this.#outputCount)
      for (const ofKind of byKind(own)) await this.#readInStoredOrder(ofKind, manner, onProgress);
    else await this.#readOneByOne(own, manner, onProgress);
  }

  async #readInStoredOrder(infos: readonly PartitionInfo[], manner: Manner, onProgress: () => void): Promise<void> {
    const open = new Map<string, TopicSources>();
    const openOf = (info: PartitionInfo) => {
      let sources = open.get(info.topic);
      if (sources === undefined) open.set(info.topic, (sources = this.#begin(info, manner)));
      return sources;
    };
    // One that is empty has a reading too. The tenants of a shared one show as it is read.
    for (const info of infos) if (info.isShared !== true) openOf(info);
    for await (const batches of this.#readers[0]!.readOutputs(infos)) {
      for (const { topic, batch } of batches) {
        openOf(topic).take(batch);
        this.#readCount += batch.recordCount;
      }
      onProgress();
    }
    for (const [topic, sources] of open) this.#end(topic, sources);
  }

  async #readOneByOne(infos: readonly PartitionInfo[], manner: Manner, onProgress: () => void): Promise<void> {
    const idle = Array.from({ length: TOPICS_PER_CLIENT }, () => this.#readers).flat();
    await mapConcurrent(
      Map.groupBy(infos, ({ topic }) => topic),
      idle.length,
      async ([topic, partitions]) => {
        const reader = idle.pop() as TopicReader;
        const sources = this.#begin(partitions[0]!, manner); // a group has one
        for (const partition of partitions)
          for await (const batches of reader.read(partition, rangeOf(partition))) {
            for (const batch of batches) {
              sources.take(batch);
              this.#readCount += batch.recordCount;
            }
            onProgress();
          }
        this.#end(topic, sources);
        idle.push(reader);
      },
    );
  }

  readings(): OutputReadings {
    return { bySource: this.sources.map(({ topics }) => [...topics.values()]), otherLines: this.#otherLines };
  }

  /** Adds readings that were made elsewhere. */
  addReadings({ bySource, otherLines }: OutputReadings): void {
    for (const [index, source] of this.sources.entries())
      for (const reading of bySource[index] ?? []) source.add(reading);
    for (const [topic, count] of otherLines) this.#otherLines.set(topic, count);
  }

  #begin(info: PartitionInfo, manner: Manner): TopicSources {
    return new TopicSources({
      sources: this.sources,
      info,
      maySkim: manner === 'skimming',
      memory: this.#memory,
    });
  }

  #end(topic: string, sources: TopicSources): void {
    const otherLineCount = sources.end();
    if (otherLineCount > 0) this.#otherLines.set(topic, otherLineCount);
    else this.#otherLines.delete(topic);
  }
}

function rangeOf({ startOffset: fromOffset, nextOffset: untilOffset }: PartitionInfo): ReadRange {
  return { fromOffset, untilOffset, aheadBytes: AHEAD_BYTES };
}

function byKind(infos: readonly AuditedOutput[]): AuditedOutput[][] {
  return Object.values(Object.groupBy(infos, ({ kind }) => kind));
}
