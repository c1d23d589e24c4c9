// What the output topics hold: counted and digested, several topics at a time.
//
// Bounds: for each connection TOPICS_AT_ONCE topics' credit, and a digest for each of these; afterwards a few numbers and a
// line of text for each topic.

import type { TopicInfo } from '@pulses/broker-wire';
import { mapConcurrent } from '@pulses/shared-async';
import { topicKindOf } from '@pulses/shared-pulse-model';
import type { BrokerReader } from '@pulses/broker-client';
import { Findings, type FindingsSummary } from '../compare/findings';
import { LineDigest, type DigestMemory } from '../compare/line-digest';
import { openOutputTopic } from './output-topic';
import type { ComparedLines } from '../compare/scope';
import { createWindowLengths, type WindowLengths } from './window-lengths';

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

export interface OutputReading {
  /** By topic. */
  readonly topics: ReadonlyMap<string, TopicReading>;
  readonly lengths: WindowLengths;
  /** The source offsets of windows that lie wholly within the scope. */
  readonly windowsFrom: number;
  readonly windowsTo: number;
  /** Messages of the topics read so far, and of those that are being read. */
  readonly readCount: number;
  /** Reads topics; what is known of them from before is replaced. `onProgress` is called now and then. */
  read(topics: readonly TopicInfo[], manner: 'skimming' | 'line by line', onProgress: () => void): Promise<void>;
  /** Takes over what somebody else has read. */
  adopt(readings: readonly TopicReading[]): void;
  counts(): FoundCounts;
}

export function createOutputReading(clients: readonly BrokerReader[], scope: ComparedLines): OutputReading {
  const topics = new Map<string, TopicReading>();
  const memory: DigestMemory = { bytes: 0 };
  const lengths = createWindowLengths();
  let [windowsFrom, windowsTo] = [scope.startOffset, scope.windowedOffset];
  let readCount = 0;

  const readTopic = async (client: BrokerReader, info: TopicInfo, maySkim: boolean, onProgress: () => void) => {
    const findings = new Findings();
    const output = openOutputTopic({
      client,
      scope,
      info,
      maySkim,
      findings,
      onWindow: lengths.add,
      onCutWindow: ({ fromOffset, toOffset }) => {
        if (fromOffset < scope.startOffset) windowsFrom = Math.max(windowsFrom, toOffset + 1);
        else windowsTo = Math.min(windowsTo, fromOffset);
      },
    });
    const digest = new LineDigest(memory);
    for await (const batches of output.batches()) {
      for (const batch of batches) {
        output.takeBatch(batch, (bytes, start, end, count) => {
          digest.take(bytes, start, end, count);
        });
        readCount += batch.recordCount;
      }
      onProgress();
    }
    const { comparedFrom, comparedCount, otherLineCount, isSkimmed } = output;
    topics.set(info.topic, {
      info,
      digest: digest.result(),
      comparedFrom,
      comparedCount,
      otherLineCount,
      isSkimmed,
      findings,
    });
  };

  return {
    topics,
    lengths,
    get windowsFrom() {
      return windowsFrom;
    },
    get windowsTo() {
      return windowsTo;
    },
    get readCount() {
      return readCount;
    },
    async read(infos, manner, onProgress) {
      const idle = Array.from({ length: TOPICS_PER_CLIENT }, () => clients).flat();
      await mapConcurrent(infos, idle.length, async (info) => {
        const client = idle.pop() as BrokerReader;
        await readTopic(client, info, manner === 'skimming', onProgress);
        idle.push(client);
      });
    },
    adopt(readings) {
      for (const reading of readings) topics.set(reading.info.topic, reading);
    },
    counts() {
      const counts: FoundCounts = { grouped: 0, deadLetters: 0, sums: 0, ofOtherSources: 0 };
      for (const [topic, { comparedCount, otherLineCount }] of topics) {
        counts[countOf(topic)] += comparedCount;
        counts.ofOtherSources += otherLineCount;
      }
      return counts;
    },
  };
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
