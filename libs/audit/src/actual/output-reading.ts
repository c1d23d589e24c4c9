// What the output topics hold: counted and digested.
//
// Most topics of a kind are read in the order in which they are stored, which costs the broker little however small they are.
// A few are read one by one, several at a time.
//
// Bounds: in stored order the digests of all topics; else for each connection the credit and the digest of TOPICS_PER_CLIENT
// topics; afterwards a few numbers and a line of text for each topic.

import type { OutputBatch, PartitionInfo, ReadRange, TopicReader } from '@pulses/connector-api';
import { mapConcurrent } from '@pulses/shared-async';
import { topicKindOf } from '@pulses/shared-pulse-model';
import { Findings, type FindingsSummary } from '../compare/findings';
import { LineDigest, type DigestMemory } from '../compare/line-digest';
import type { AuditedOutput, ComparedLines } from '../compare/scope';
import type { WindowRange } from '../expected/line-writer';
import { fastReaders, OutputTopic, type FastReaders } from './output-topic';
import { WindowLengths } from './window-lengths';

const TOPICS_PER_CLIENT = 4;
const AHEAD_BYTES = 512 * 1024;
/** In stored order all topics of a kind are read: that pays for this share of all output topics. */
const STORED_ORDER_SHARE_MIN = 0.25;

export interface FoundCounts {
  grouped: number;
  deadLetters: number;
  sums: number;
  /** Lines of other sources in the same topics. */
  ofOtherSources: number;
}

/** What a topic holds. */
export interface TopicReading {
  readonly topic: string;
  /** See LineDigest.result. */
  readonly digest: string;
  /** First source offset whose outputs it still keeps. */
  readonly comparedFrom: number;
  readonly comparedCount: number;
  readonly otherLineCount: number;
  /** See OutputTopic. */
  readonly isSkimmed: boolean;
  /** Lines that are wrong in themselves. */
  readonly findings: FindingsSummary;
}

/** A topic that is being read. */
interface OpenReading {
  readonly topic: string;
  readonly output: OutputTopic;
  readonly findings: Findings;
  readonly digest: LineDigest;
}

/** `skimming` looks at the first and last line of a batch where that is enough; see OutputTopic.isSkimmed. */
export type Manner = 'skimming' | 'line by line';

export class OutputReader {
  readonly lengths = new WindowLengths();
  readonly #readers: readonly TopicReader[];
  readonly #scope: ComparedLines;
  readonly #lineReaders: FastReaders;
  readonly #topics = new Map<string, TopicReading>();
  readonly #memory: DigestMemory = { bytes: 0 };
  #windowsFrom: number;
  #windowsTo: number;
  #readCount = 0;

  constructor(readers: readonly TopicReader[], scope: ComparedLines) {
    this.#readers = readers;
    this.#scope = scope;
    this.#lineReaders = fastReaders(scope);
    this.#windowsFrom = scope.startOffset;
    this.#windowsTo = scope.windowedOffset;
  }

  /** Readings by topic. */
  get topics(): ReadonlyMap<string, TopicReading> {
    return this.#topics;
  }

  /** First source offset of the windows that lie wholly within the scope. */
  get windowsFrom(): number {
    return this.#windowsFrom;
  }

  /** Source offset behind the last of these windows. */
  get windowsTo(): number {
    return this.#windowsTo;
  }

  /** Messages read so far. */
  get readCount(): number {
    return this.#readCount;
  }

  /** Reads topics; replaces earlier readings of them. Calls `onProgress` now and then. */
  async read(infos: readonly AuditedOutput[], manner: Manner, onProgress: () => void): Promise<void> {
    const [shared, own] = [infos.filter(({ isShared }) => isShared), infos.filter(({ isShared }) => isShared !== true)];
    for (const ofKind of byKind(shared)) await this.#readInStoredOrder(ofKind, manner, onProgress);
    if (own.length >= STORED_ORDER_SHARE_MIN * this.#scope.outputCount)
      for (const ofKind of byKind(own)) await this.#readInStoredOrder(ofKind, manner, onProgress);
    else await this.#readOneByOne(own, manner, onProgress);
  }

  async #readInStoredOrder(infos: readonly PartitionInfo[], manner: Manner, onProgress: () => void): Promise<void> {
    const readings = new Map<string, OpenReading>();
    const readingOf = (info: PartitionInfo) => {
      let reading = readings.get(info.topic);
      if (reading === undefined) readings.set(info.topic, (reading = this.#begin(info, manner)));
      return reading;
    };
    // One that is empty has a reading too. The tenants of a shared one show as it is read.
    for (const info of infos) if (info.isShared !== true) readingOf(info);
    for await (const batches of this.#readers[0]!.readOutputs(infos)) {
      for (const { topic, batch } of batches) this.#take(readingOf(topic), batch);
      onProgress();
    }
    for (const reading of readings.values()) this.#end(reading);
  }

  async #readOneByOne(infos: readonly PartitionInfo[], manner: Manner, onProgress: () => void): Promise<void> {
    const idle = Array.from({ length: TOPICS_PER_CLIENT }, () => this.#readers).flat();
    await mapConcurrent(Map.groupBy(infos, ({ topic }) => topic).values(), idle.length, async (partitions) => {
      const reader = idle.pop() as TopicReader;
      const reading = this.#begin(partitions[0]!, manner); // a group has one
      for (const partition of partitions)
        for await (const batches of reader.read(partition, rangeOf(partition))) {
          for (const batch of batches) this.#take(reading, batch);
          onProgress();
        }
      this.#end(reading);
      idle.push(reader);
    });
  }

  /** Adds readings that were made elsewhere. */
  addReadings(readings: readonly TopicReading[]): void {
    for (const reading of readings) this.#topics.set(reading.topic, reading);
  }

  counts(): FoundCounts {
    const counts: FoundCounts = { grouped: 0, deadLetters: 0, sums: 0, ofOtherSources: 0 };
    for (const [topic, { comparedCount, otherLineCount }] of this.#topics) {
      counts[countOf(topic)] += comparedCount;
      counts.ofOtherSources += otherLineCount;
    }
    return counts;
  }

  #begin(info: PartitionInfo, manner: Manner): OpenReading {
    const findings = new Findings();
    const output = new OutputTopic({
      readers: this.#lineReaders,
      scope: this.#scope,
      info,
      maySkim: manner === 'skimming',
      findings,
      onWindow: this.#onWindow,
      onCutWindow: this.#onCutWindow,
    });
    return { topic: info.topic, output, findings, digest: new LineDigest(this.#memory) };
  }

  #take({ output, digest }: OpenReading, batch: OutputBatch['batch']): void {
    output.takeBatch(batch, (bytes, start, end, count) => {
      digest.take(bytes, start, end, count);
    });
    this.#readCount += batch.recordCount;
  }

  #end({ topic, output, findings, digest }: OpenReading): void {
    const { comparedFrom, comparedCount, otherLineCount, isSkimmed } = output;
    const counts = { comparedFrom, comparedCount, otherLineCount, isSkimmed };
    this.#topics.set(topic, { topic, digest: digest.result(), ...counts, findings });
  }

  readonly #onWindow = (window: WindowRange): void => {
    this.lengths.add(window);
  };

  /** A window that lies only partly within the scope is not compared. */
  readonly #onCutWindow = ({ fromOffset, toOffset }: WindowRange): void => {
    if (fromOffset < this.#scope.startOffset) this.#windowsFrom = Math.max(this.#windowsFrom, toOffset + 1);
    else this.#windowsTo = Math.min(this.#windowsTo, fromOffset);
  };
}

function rangeOf({ startOffset: fromOffset, nextOffset: untilOffset }: PartitionInfo): ReadRange {
  return { fromOffset, untilOffset, aheadBytes: AHEAD_BYTES };
}

function byKind(infos: readonly AuditedOutput[]): AuditedOutput[][] {
  return Object.values(Object.groupBy(infos, ({ kind }) => kind));
}

function countOf(topic: string): 'grouped' | 'sums' | 'deadLetters' {
  switch (topicKindOf(topic)) {
    case 'grouped':
      return 'grouped';
    case 'aggregated':
      return 'sums';
    case 'dead_letter':
    case 'source':
      return 'deadLetters';
  }
}
