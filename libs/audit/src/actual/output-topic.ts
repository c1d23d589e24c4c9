// The lines of one output topic that are compared, in their order.
//
// Bounds: one batch of the topic.

import type { OutputBatch, PartitionInfo } from '@pulses/connector-api';
import { topicKindOf, type TopicKind } from '@pulses/shared-pulse-model';
import type { Findings } from '../compare/findings';
import type { ComparedLines } from '../compare/scope';
import type { WindowRange } from '../expected/line-writer';
import {
  aggregatedLineReader,
  groupedLineReader,
  deadLetterLineReader,
  type LineReader,
  type LineReading,
  type OutputLine,
} from './output-lines';
import { groupedOffsetReader, windowReader } from './output-lines.fast';

const LINE_FEED = 10;

/**
 * Takes whole lines to compare: `count` of them, `bytes[start, end)` with their line feeds. `offset` is that of the first
 * one in the topic. The bytes are valid until it returns.
 */
export type TakeLines = (bytes: Buffer, start: number, end: number, count: number, offset: number) => void;

export interface OutputTopicOptions {
  /** For all topics of the scope. */
  readonly readers: FastReaders;
  readonly scope: ComparedLines;
  /** With the tenant's own topic. */
  readonly info: PartitionInfo;
  /** Looks at the first and the last line of a batch alone where that is enough; see `isSkimmed`. */
  readonly maySkim?: boolean;
  /** Gets lines that are wrong in themselves. */
  readonly findings: Pick<Findings, 'add'>;
  /** Called for each window compared. */
  onWindow?(window: WindowRange): void;
  /** Called for each window that lies only partly within the scope. */
  onCutWindow?(window: WindowRange): void;
}

/** Readers of lines of the usual form; one of them for each source serves all topics. */
export interface FastReaders {
  readonly groupedOffset: (bytes: Buffer, start: number, end: number) => number;
  readonly window: (bytes: Buffer, start: number, end: number) => OutputLine | undefined;
}

export function fastReaders({ source }: Pick<ComparedLines, 'source'>): FastReaders {
  return { groupedOffset: groupedOffsetReader(source), window: windowReader(source) };
}

export class OutputTopic {
  readonly #options: OutputTopicOptions;
  readonly #kind: TopicKind;
  /** The reader in full, made when a line needs it. */
  #readInFull: LineReader | undefined;
  /** The fast path for grouped lines, which are nearly all lines of an audit. */
  readonly #fastOffset: ((bytes: Buffer, start: number, end: number) => number) | undefined;
  /** Source offsets below it are compared. */
  readonly #comparedTo: number;
  /** No line has this source offset or a higher one. */
  readonly #limit: number;
  #comparedFrom: number;
  #comparedCount = 0;
  #otherLineCount = 0;
  #isSkimmed = false;

  constructor(options: OutputTopicOptions) {
    const { scope, info, readers } = options;
    const kind = topicKindOf(info.topic);
    this.#options = options;
    this.#kind = kind;
    this.#fastOffset = kind === 'grouped' ? readers.groupedOffset : undefined;
    this.#comparedTo = kind === 'aggregated' ? scope.windowedOffset : scope.groupedOffset;
    this.#limit = kind === 'aggregated' ? scope.windowedLimit : scope.groupedLimit;
    // A topic that has lost its oldest lines is compared from the first whole part on.
    this.#comparedFrom = info.startOffset === 0 ? scope.startOffset : Infinity;
  }

  /** First source offset whose outputs are still kept in the topic. */
  get comparedFrom(): number {
    return this.#comparedFrom;
  }

  /** Lines compared so far. */
  get comparedCount(): number {
    return this.#comparedCount;
  }

  /** Lines of other sources read so far. */
  get otherLineCount(): number {
    return this.#otherLineCount;
  }

  /**
   * Some lines were handed on unread. When all lines together equal what the source must have led to, each of them is
   * right. When they do not, the topic is read again, line by line, before it is judged.
   */
  get isSkimmed(): boolean {
    return this.#isSkimmed;
  }

  /** Hands on the lines of a batch that are compared. Call it for each batch, in order. */
  takeBatch({ baseOffset, recordCount, payload }: OutputBatch['batch'], takeLines: TakeLines): void {
    // A client's payloads are Buffers already; making one costs as much as reading a line.
    const bytes = Buffer.isBuffer(payload)
      ? payload
      : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    if (this.#options.maySkim === true && this.#isPlainAtEnds(bytes)) {
      takeLines(bytes, 0, bytes.length, recordCount, baseOffset);
      this.#comparedCount += recordCount;
      this.#isSkimmed = true;
    } else this.#takeLineByLine(bytes, baseOffset, recordCount, takeLines);
  }

  #takeLineByLine(bytes: Buffer, baseOffset: number, recordCount: number, takeLines: TakeLines): void {
    const fastOffset = this.#fastOffset;
    const [plainFrom, plainTo] = [this.#comparedFrom, Math.min(this.#comparedTo, this.#limit)];
    let [runStart, runCount, start] = [0, 0, 0];
    const endRun = (end: number, offset: number) => {
      if (runCount > 0) takeLines(bytes, runStart, end, runCount, offset - runCount);
      this.#comparedCount += runCount;
      runCount = 0;
    };
    for (let index = 0; index < recordCount; index += 1) {
      const [lineStart, end] = [start, bytes.indexOf(LINE_FEED, start)];
      start = end + 1;
      const sourceOffset = fastOffset?.(bytes, lineStart, end) ?? -1;
      if (sourceOffset >= plainFrom && sourceOffset < plainTo) {
        runCount += 1;
        continue;
      }
      const reading = this.#read(bytes, lineStart, end);
      const isTaken = this.#judge(reading, baseOffset + index, () => bytes.toString('utf8', lineStart, end));
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
      this.#comparedCount += 1;
    }
    endRun(start, baseOffset + recordCount);
  }

  /** True when the first and the last line are to be compared: then so are those in between. */
  #isPlainAtEnds(bytes: Buffer): boolean {
    const fastOffset = this.#fastOffset;
    if (fastOffset === undefined) return false;
    const firstOffset = fastOffset(bytes, 0, bytes.indexOf(LINE_FEED));
    const lastOffset = fastOffset(bytes, bytes.lastIndexOf(LINE_FEED, -2) + 1, bytes.length - 1);
    return (
      firstOffset >= this.#comparedFrom &&
      lastOffset >= firstOffset &&
      lastOffset < Math.min(this.#comparedTo, this.#limit)
    );
  }

  /** True when the line is to be compared. Counts and reports the others. */
  #judge(reading: LineReading, offset: number, text: () => string): boolean {
    const { findings, info } = this.#options;
    if (reading.kind === 'wrong') {
      findings.add({ topic: info.topic, offset, problem: reading.problem, found: text() });
      return false;
    }
    if (reading.kind === 'of another source') {
      this.#otherLineCount += 1;
      return false;
    }
    if (reading.sourceOffset >= this.#limit) {
      const problem = 'the line is of a source offset that no commit has reached';
      findings.add({ topic: info.topic, offset, problem, found: text() });
      return false;
    }
    return this.#isCompared(reading);
  }

  #isCompared({ sourceOffset, window }: OutputLine): boolean {
    const { startOffset } = this.#options.scope;
    if (this.#comparedFrom === Infinity)
      this.#comparedFrom = Math.max(startOffset, window === undefined ? sourceOffset : window.toOffset + 1);
    if (sourceOffset >= this.#comparedTo) return false;
    if (window === undefined) return sourceOffset >= this.#comparedFrom;
    const isCut = sourceOffset < startOffset ? window.toOffset >= startOffset : window.toOffset >= this.#comparedTo;
    if (isCut) this.#options.onCutWindow?.(window);
    if (isCut || sourceOffset < this.#comparedFrom) return false;
    this.#options.onWindow?.(window);
    return true;
  }

  /** Reads a line of the usual form by the fast path, every other one in full. */
  #read(bytes: Buffer, start: number, end: number): LineReading {
    const { readers, scope, info } = this.#options;
    if (this.#kind === 'grouped') {
      const sourceOffset = readers.groupedOffset(bytes, start, end);
      if (sourceOffset >= 0) return { kind: 'ours', sourceOffset };
    }
    const window = this.#kind === 'aggregated' ? readers.window(bytes, start, end) : undefined;
    if (window !== undefined) return window;
    this.#readInFull ??= fullReaderOf(info.topic, scope);
    return this.#readInFull(bytes.toString('utf8', start, end));
  }
}

function fullReaderOf(topic: string, { source, otherSources }: ComparedLines): LineReader {
  switch (topicKindOf(topic)) {
    case 'grouped':
      return groupedLineReader(topic, source, otherSources);
    case 'aggregated':
      return aggregatedLineReader(topic, source, otherSources);
    case 'dead_letter':
    case 'source':
      return deadLetterLineReader(source, otherSources);
  }
}
