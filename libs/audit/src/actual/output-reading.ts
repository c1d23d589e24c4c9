// What the output topics hold: counted and digested.
//
// Most topics of a kind are read in the order in which they are stored, which costs the broker little however small they are.
// A few are read one by one, several at a time.
//
// Bounds: in stored order the digests of all topics; else for each connection the credit and the digest of TOPICS_PER_CLIENT
// topics; afterwards a few numbers and a line of text for each topic.

import { readBatches, readTopics, type BrokerReader, type TopicRange } from '@pulses/broker-client';
import type { RecordBatch, TopicInfo } from '@pulses/broker-wire';
import { mapConcurrent } from '@pulses/shared-async';
import { topicKindOf } from '@pulses/shared-pulse-model';
import { Findings, type FindingsSummary } from '../compare/findings';
import { LineDigest, type DigestMemory } from '../compare/line-digest';
import type { ComparedLines } from '../compare/scope';
import type { WindowRange } from '../expected/line-writer';
import { fastReaders, OutputTopic, type FastReaders } from './output-topic';
import { WindowLengths } from './window-lengths';

const TOPICS_PER_CLIENT = 4;
const CREDIT_BYTES = 512 * 1024;
/** In stored order the whole kind is read: that pays for this share of all output topics. */
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
  readonly info: TopicInfo;
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
  readonly info: TopicInfo;
  readonly output: OutputTopic;
  readonly findings: Findings;
  readonly digest: LineDigest;
}

/** `skimming` looks at the first and last line of a batch where that is enough; see OutputTopic.isSkimmed. */
export type Manner = 'skimming' | 'line by line';

export class OutputReader {
  readonly lengths = new WindowLengths();
  readonly #clients: readonly BrokerReader[];
  readonly #scope: ComparedLines;
  readonly #readers: FastReaders;
  readonly #topics = new Map<string, TopicReading>();
  readonly #memory: DigestMemory = { bytes: 0 };
  #windowsFrom: number;
  #windowsTo: number;
  #readCount = 0;

  constructor(clients: readonly BrokerReader[], scope: ComparedLines) {
    this.#clients = clients;
    this.#scope = scope;
    this.#readers = fastReaders(scope);
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
  async read(infos: readonly TopicInfo[], manner: Manner, onProgress: () => void): Promise<void> {
    if (infos.length >= STORED_ORDER_SHARE_MIN * this.#scope.outputCount)
      for (const ofKind of byKind(infos)) await this.#readInStoredOrder(ofKind, manner, onProgress);
    else await this.#readOneByOne(infos, manner, onProgress);
  }

  async #readInStoredOrder(infos: readonly TopicInfo[], manner: Manner, onProgress: () => void): Promise<void> {
    const readings = new Map(infos.map((info) => [info, this.#begin(info, manner)]));
    for await (const batches of readTopics(this.#clients[0]!, infos)) {
      // Only topics that were asked for come.
      for (const { topic, batch } of batches) this.#take(readings.get(topic)!, batch);
      onProgress();
    }
    for (const reading of readings.values()) this.#end(reading);
  }

  async #readOneByOne(infos: readonly TopicInfo[], manner: Manner, onProgress: () => void): Promise<void> {
    const idle = Array.from({ length: TOPICS_PER_CLIENT }, () => this.#clients).flat();
    await mapConcurrent(infos, idle.length, async (info) => {
      const client = idle.pop() as BrokerReader;
      const reading = this.#begin(info, manner);
      for await (const batches of readBatches(client, rangeOf(info))) {
        for (const batch of batches) this.#take(reading, batch);
        onProgress();
      }
      this.#end(reading);
      idle.push(client);
    });
  }

  /** Adds readings that were made elsewhere. */
  addReadings(readings: readonly TopicReading[]): void {
    for (const reading of readings) this.#topics.set(reading.info.topic, reading);
  }

  counts(): FoundCounts {
    const counts: FoundCounts = { grouped: 0, deadLetters: 0, sums: 0, ofOtherSources: 0 };
    for (const [topic, { comparedCount, otherLineCount }] of this.#topics) {
      counts[countOf(topic)] += comparedCount;
      counts.ofOtherSources += otherLineCount;
    }
    return counts;
  }

  #begin(info: TopicInfo, manner: Manner): OpenReading {
    const findings = new Findings();
    const output = new OutputTopic({
      readers: this.#readers,
      scope: this.#scope,
      info,
      maySkim: manner === 'skimming',
      findings,
      onWindow: this.#onWindow,
      onCutWindow: this.#onCutWindow,
    });
    return { info, output, findings, digest: new LineDigest(this.#memory) };
  }

  #take({ output, digest }: OpenReading, batch: Omit<RecordBatch, 'timestampMs'>): void {
    output.takeBatch(batch, (bytes, start, end, count) => {
      digest.take(bytes, start, end, count);
    });
    this.#readCount += batch.recordCount;
  }

  #end({ info, output, findings, digest }: OpenReading): void {
    const { comparedFrom, comparedCount, otherLineCount, isSkimmed } = output;
    const counts = { comparedFrom, comparedCount, otherLineCount, isSkimmed };
    this.#topics.set(info.topic, { info, digest: digest.result(), ...counts, findings });
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

function rangeOf({ topic, incarnation, startOffset: fromOffset, nextOffset: untilOffset }: TopicInfo): TopicRange {
  return { topic, incarnation, fromOffset, untilOffset, creditBytes: CREDIT_BYTES };
}

function byKind(infos: readonly TopicInfo[]): TopicInfo[][] {
  return Object.values(Object.groupBy(infos, ({ topic }) => topicKindOf(topic)));
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
