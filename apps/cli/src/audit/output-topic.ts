// The entries of one output topic, in the order in which they are compared.
//
// Grouped lines and dead letters: as they stand. Aggregated lines: window by window as they stand, within a window by key.
// Bounds: one batch of the topic, and the lines of one window of one tenant.

import type { TopicInfo } from '@pulses/broker-wire';
import { topicKindOf } from '@pulses/shared-pulse-model';
import type { BrokerReader } from '../broker-access';
import { linesOf, readBatches } from '../topic-records';
import type { WindowRange } from './entries';
import type { Findings } from './findings';
import { aggregatedLineReader, groupedLineReader, readDeadLetterLine, type LineReader, type OutputLine } from './output-lines';
import type { AuditScope } from './scope';

const CREDIT_BYTES = 512 * 1024;

export interface OutputTopic {
  /** The entries to compare, many at a time. */
  entries(): AsyncGenerator<string[], void, undefined>;
  /** Lines read so far, of any source. */
  readonly lineCount: number;
  /** Lines of other sources among them. */
  readonly otherLineCount: number;
  /** Entries so far. */
  readonly entryCount: number;
  /** First source offset whose outputs are still kept in the topic. */
  readonly comparedFrom: number;
}

export interface OutputTopicOptions {
  readonly client: BrokerReader;
  readonly scope: AuditScope;
  readonly info: TopicInfo;
  /** Told of lines that are wrong in themselves. */
  readonly findings: Pick<Findings, 'add'>;
  /** Told of each window compared. */
  onWindow?(window: WindowRange): void;
  /** Told of a window that began before the first source offset kept. */
  onCutWindow?(window: WindowRange): void;
}

export function openOutputTopic(options: OutputTopicOptions): OutputTopic {
  const { client, scope, info, findings } = options;
  const { topic, incarnation, startOffset, nextOffset } = info;
  const isAggregated = topicKindOf(topic) === 'aggregated';
  const [comparedTo, limit] = isAggregated
    ? [scope.windowedOffset, scope.windowedLimit]
    : [scope.groupedOffset, scope.groupedLimit];
  const read = lineReaderOf(topic, scope);
  let lineCount = 0;
  let otherLineCount = 0;
  let entryCount = 0;
  // A topic that has lost its oldest lines is compared from the first whole piece on.
  let comparedFrom = startOffset === 0 ? scope.startOffset : Infinity;

  /** The line, when it is one to compare. */
  const take = (line: string, offset: number): OutputLine | undefined => {
    const reading = read(line);
    lineCount += 1;
    if (reading.kind === 'wrong') {
      findings.add({ topic, offset, problem: reading.problem, found: line });
      return undefined;
    }
    if (reading.kind === 'of another source') {
      otherLineCount += 1;
      return undefined;
    }
    const { sourceOffset, window } = reading;
    if (sourceOffset >= limit) {
      findings.add({ topic, offset, problem: 'the line is of a source offset that nobody has stored', found: line });
      return undefined;
    }
    if (comparedFrom === Infinity)
      comparedFrom = Math.max(scope.startOffset, window === undefined ? sourceOffset : window.toOffset + 1);
    if (sourceOffset < scope.startOffset) {
      if (window !== undefined && window.toOffset >= scope.startOffset) options.onCutWindow?.(window);
      return undefined;
    }
    if (sourceOffset < comparedFrom || sourceOffset >= comparedTo) return undefined;
    if (window !== undefined) options.onWindow?.(window);
    return reading;
  };

  async function* linesInOrder(): AsyncGenerator<OutputLine[], void, undefined> {
    const range = { topic, incarnation, fromOffset: startOffset, untilOffset: nextOffset, creditBytes: CREDIT_BYTES };
    for await (const batch of readBatches(client, range)) {
      const taken: OutputLine[] = [];
      for (const [index, line] of linesOf(batch).entries()) {
        const output = take(line, batch.baseOffset + index);
        if (output !== undefined) taken.push(output);
      }
      entryCount += taken.length;
      yield taken;
    }
  }

  return {
    get lineCount() {
      return lineCount;
    },
    get otherLineCount() {
      return otherLineCount;
    },
    get entryCount() {
      return entryCount;
    },
    get comparedFrom() {
      return comparedFrom;
    },
    async *entries() {
      let held: OutputLine[] = [];
      for await (const lines of linesInOrder()) {
        if (!isAggregated) {
          yield lines.map(({ entry }) => entry);
          continue;
        }
        for (const line of lines) {
          if (held.length > 0 && held[0]?.sourceOffset !== line.sourceOffset) {
            yield sortedEntries(held);
            held = [];
          }
          held.push(line);
        }
      }
      yield sortedEntries(held);
    },
  };
}

function lineReaderOf(topic: string, { source, otherSources }: AuditScope): LineReader {
  switch (topicKindOf(topic)) {
    case 'grouped':
      return groupedLineReader(topic, source, otherSources);
    case 'aggregated':
      return aggregatedLineReader(topic, source, otherSources);
    case 'dead_letter':
    case 'source':
      return readDeadLetterLine;
  }
}

function sortedEntries(lines: readonly OutputLine[]): string[] {
  return lines.map(({ entry }) => entry).sort();
}
