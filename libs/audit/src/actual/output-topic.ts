// The lines of one output topic that are compared, in the order in which they stand.
//
// Bounds: one batch of the topic.

import type { RecordBatch, TopicInfo } from '@pulses/broker-wire';
import { topicKindOf } from '@pulses/shared-pulse-model';
import { readBatches, type BrokerReader } from '@pulses/broker-client';
import type { Findings } from '../compare/findings';
import type { WindowRange } from '../expected/line-writer';
import {
  aggregatedLineReader,
  groupedLineReader,
  readDeadLetterLine,
  type LineReading,
  type OutputLine,
} from './output-lines';
import { groupedOffsetReader, windowReader } from './output-lines.fast';
import type { ComparedLines } from '../compare/scope';

const CREDIT_BYTES = 512 * 1024;
const LINE_FEED = 10;

/**
 * Takes whole lines that are compared: `count` of them, `bytes[start, end)` with their line feeds. `offset` is that of the
 * first one in the topic. The bytes are valid until it returns.
 */
export type TakeLines = (bytes: Buffer, start: number, end: number, count: number, offset: number) => void;

export interface OutputTopic {
  /** The topic, some batches at a time, which are valid until the next ones are asked for; to be gone through once. */
  batches(): AsyncGenerator<readonly RecordBatch[], void, undefined>;
  /** Hands on the lines of a batch that are compared; for each batch in order. */
  takeBatch(batch: RecordBatch, take: TakeLines): void;
  /** Lines of other sources read so far. */
  readonly otherLineCount: number;
  /**
   * Some lines were handed on without a look. When all lines together are those that the source must have led to, each is
   * one of them; when they are not, the topic is to be read again, line by line, before anything is said of it.
   */
  readonly isSkimmed: boolean;
  /** Lines compared so far. */
  readonly comparedCount: number;
  /** First source offset whose outputs are still kept in the topic. */
  readonly comparedFrom: number;
}

export interface OutputTopicOptions {
  readonly client: BrokerReader;
  readonly scope: ComparedLines;
  readonly info: TopicInfo;
  /** Looks at the first and the last line of a batch alone where that will do; see `isSkimmed` of the topic. */
  readonly maySkim?: boolean;
  /** Told of lines that are wrong in themselves. */
  readonly findings: Pick<Findings, 'add'>;
  /** Told of each window compared. */
  onWindow?(window: WindowRange): void;
  /** Told of a window that lies only partly within the scope. */
  onCutWindow?(window: WindowRange): void;
}

/** Like a LineReader, for the bytes of one line. */
type BytesReader = (bytes: Buffer, start: number, end: number) => LineReading;

export function openOutputTopic(options: OutputTopicOptions): OutputTopic {
  const { client, scope, info, findings } = options;
  const { topic, incarnation, startOffset, nextOffset } = info;
  const isAggregated = topicKindOf(topic) === 'aggregated';
  const [comparedTo, limit] = isAggregated
    ? [scope.windowedOffset, scope.windowedLimit]
    : [scope.groupedOffset, scope.groupedLimit];
  const read = readerOf(topic, scope);
  // Nearly all lines of an audit: they need no further look.
  const quickOffset = topicKindOf(topic) === 'grouped' ? groupedOffsetReader(scope.source) : undefined;
  let otherLineCount = 0;
  let comparedCount = 0;
  let isSkimmed = false;
  // A topic that has lost its oldest lines is compared from the first whole piece on.
  let comparedFrom = startOffset === 0 ? scope.startOffset : Infinity;

  /** True when the line is one to compare. */
  const isCompared = (line: OutputLine): boolean => {
    const { sourceOffset, window } = line;
    if (comparedFrom === Infinity)
      comparedFrom = Math.max(scope.startOffset, window === undefined ? sourceOffset : window.toOffset + 1);
    if (sourceOffset >= comparedTo) return false;
    if (window === undefined) return sourceOffset >= comparedFrom;
    const isCut =
      sourceOffset < scope.startOffset ? window.toOffset >= scope.startOffset : window.toOffset >= comparedTo;
    if (isCut) options.onCutWindow?.(window);
    if (isCut || sourceOffset < comparedFrom) return false;
    options.onWindow?.(window);
    return true;
  };

  const take = (reading: LineReading, offset: number, text: () => string): boolean => {
    if (reading.kind === 'wrong') {
      findings.add({ topic, offset, problem: reading.problem, found: text() });
      return false;
    }
    if (reading.kind === 'of another source') {
      otherLineCount += 1;
      return false;
    }
    if (reading.sourceOffset >= limit) {
      findings.add({ topic, offset, problem: 'the line is of a source offset that nobody has stored', found: text() });
      return false;
    }
    return isCompared(reading);
  };

  /** True when the first and the last line are to be compared: so should be those in between. */
  const isPlainAtEnds = (bytes: Buffer): boolean => {
    if (quickOffset === undefined) return false;
    const firstOffset = quickOffset(bytes, 0, bytes.indexOf(LINE_FEED));
    const lastOffset = quickOffset(bytes, bytes.lastIndexOf(LINE_FEED, -2) + 1, bytes.length - 1);
    return firstOffset >= comparedFrom && lastOffset >= firstOffset && lastOffset < Math.min(comparedTo, limit);
  };

  const takeBatch = ({ baseOffset, recordCount, payload }: RecordBatch, takeLines: TakeLines): void => {
    // A client's payloads are Buffers already; making one costs as much as a look at a line.
    const bytes = Buffer.isBuffer(payload)
      ? payload
      : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    if (options.maySkim === true && isPlainAtEnds(bytes)) {
      takeLines(bytes, 0, bytes.length, recordCount, baseOffset);
      comparedCount += recordCount;
      isSkimmed = true;
      return;
    }
    const [plainFrom, plainTo] = [comparedFrom, Math.min(comparedTo, limit)];
    let [runStart, runCount, start] = [0, 0, 0];
    const endRun = (end: number, offset: number) => {
      if (runCount > 0) takeLines(bytes, runStart, end, runCount, offset - runCount);
      comparedCount += runCount;
      runCount = 0;
    };
    for (let index = 0; index < recordCount; index += 1) {
      const [lineStart, end] = [start, bytes.indexOf(LINE_FEED, start)];
      start = end + 1;
      const sourceOffset = quickOffset?.(bytes, lineStart, end) ?? -1;
      if (sourceOffset >= plainFrom && sourceOffset < plainTo) {
        runCount += 1;
        continue;
      }
      const reading = read(bytes, lineStart, end);
      const isTaken = take(reading, baseOffset + index, () => bytes.toString('utf8', lineStart, end));
      const text = isTaken && reading.kind === 'ours' ? reading.text : undefined;
      if (isTaken && text === undefined) {
        runCount += 1;
        continue;
      }
      endRun(lineStart, baseOffset + index);
      runStart = start;
      if (text === undefined) continue;
      const line = Buffer.from(`${text}\n`);
      takeLines(line, 0, line.length, 1, baseOffset + index);
      comparedCount += 1;
    }
    endRun(start, baseOffset + recordCount);
  };

  return {
    get otherLineCount() {
      return otherLineCount;
    },
    get isSkimmed() {
      return isSkimmed;
    },
    get comparedCount() {
      return comparedCount;
    },
    get comparedFrom() {
      return comparedFrom;
    },
    batches: () =>
      readBatches(client, {
        topic,
        incarnation,
        fromOffset: startOffset,
        untilOffset: nextOffset,
        creditBytes: CREDIT_BYTES,
      }),
    takeBatch,
  };
}

/** Reads lines of the usual form quickly, every other one thoroughly. */
function readerOf(topic: string, { source, otherSources }: ComparedLines): BytesReader {
  switch (topicKindOf(topic)) {
    case 'grouped': {
      const quick = groupedOffsetReader(source);
      const thorough = groupedLineReader(topic, source, otherSources);
      return (bytes, start, end) => {
        const sourceOffset = quick(bytes, start, end);
        return sourceOffset >= 0 ? { kind: 'ours', sourceOffset } : thorough(bytes.toString('utf8', start, end));
      };
    }
    case 'aggregated': {
      const quick = windowReader(source);
      const thorough = aggregatedLineReader(topic, source, otherSources);
      return (bytes, start, end) => quick(bytes, start, end) ?? thorough(bytes.toString('utf8', start, end));
    }
    case 'dead_letter':
    case 'source':
      return (bytes, start, end) => readDeadLetterLine(bytes.toString('utf8', start, end));
  }
}
