// What the output topics hold: counted and digested, several topics at a time.
//
// Bounds: for each connection the credit and the digest of TOPICS_PER_CLIENT topics; afterwards a few numbers and a line of
// text for each topic.

import type { BrokerReader } from '@pulses/broker-client';
import type { TopicInfo } from '@pulses/broker-wire';
import { mapConcurrent } from '@pulses/shared-async';
import { topicKindOf } from '@pulses/shared-pulse-model';
import { Findings, type FindingsSummary } from '../compare/findings';
import { LineDigest, type DigestMemory } from '../compare/line-digest';
import type { ComparedLines } from '../compare/scope';
import type { WindowRange } from '../expected/line-writer';
import { OutputTopic } from './output-topic';
import { WindowLengths } from './window-lengths';

const TOPICS_PER_CLIENT = 4;

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

/** `skimming` looks at the first and last line of a batch where that is enough; see OutputTopic.isSkimmed. */
export type Manner = 'skimming' | 'line by line';

export class OutputReader {
  readonly lengths = new WindowLengths();
  readonly #clients: readonly BrokerReader[];
  readonly #scope: ComparedLines;
  readonly #topics = new Map<string, TopicReading>();
  readonly #memory: DigestMemory = { bytes: 0 };
  #windowsFrom: number;
  #windowsTo: number;
  #readCount = 0;

  constructor(clients: readonly BrokerReader[], scope: ComparedLines) {
    this.#clients = clients;
    this.#scope = scope;
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
    const idle = Array.from({ length: TOPICS_PER_CLIENT }, () => this.#clients).flat();
    await mapConcurrent(infos, idle.length, async (info) => {
      const client = idle.pop() as BrokerReader;
      this.#topics.set(info.topic, await this.#readTopic(client, info, manner, onProgress));
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

  async #readTopic(
    client: BrokerReader,
    info: TopicInfo,
    manner: Manner,
    onProgress: () => void,
  ): Promise<TopicReading> {
    const findings = new Findings();
    const output = new OutputTopic({
      client,
      scope: this.#scope,
      info,
      maySkim: manner === 'skimming',
      findings,
      onWindow: (window) => {
        this.lengths.add(window);
      },
      onCutWindow: (window) => {
        this.#leaveOut(window);
      },
    });
    const digest = new LineDigest(this.#memory);
    for await (const batches of output.batches()) {
      for (const batch of batches) {
        output.takeBatch(batch, (bytes, start, end, count) => {
          digest.take(bytes, start, end, count);
        });
        this.#readCount += batch.recordCount;
      }
      onProgress();
    }
    const { comparedFrom, comparedCount, otherLineCount, isSkimmed } = output;
    return { info, digest: digest.result(), comparedFrom, comparedCount, otherLineCount, isSkimmed, findings };
  }

  /** A window that lies only partly within the scope is not compared. */
  #leaveOut({ fromOffset, toOffset }: WindowRange): void {
    if (fromOffset < this.#scope.startOffset) this.#windowsFrom = Math.max(this.#windowsFrom, toOffset + 1);
    else this.#windowsTo = Math.min(this.#windowsTo, fromOffset);
  }
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
