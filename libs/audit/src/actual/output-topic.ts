// The lines of one output topic that are compared with one source, in their order.
//
// A line is usual when the fast readers tell its source offset. Any other one is read in full.
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
  #readLine: LineReader | undefined;
  /** Source offsets below it are compared. */
  readonly #comparedTo: number;
  /** No line has this source offset or a higher one. */
  readonly #limit: number;
  #comparedFrom: number;
  #comparedCount = 0;
  #otherLineCount = 0;
  #isSkimmed = false;

  constructor(options: OutputTopicOptions) {
    const { scope, info } = options;
    const kind = topicKindOf(info.topic);
    this.#options = options;
    this.#kind = kind;
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
  takeBatch(batch: OutputBatch['batch'], takeLines: TakeLines): void {
    const bytes = bytesOf(batch);
    if (this.takeWhole(bytes, batch, takeLines)) return;
    const { baseOffset, recordCount } = batch;
    for (let [index, start] = [0, 0]; index < recordCount;) {
      const usual = this.takeUsual(bytes, start, baseOffset + index, recordCount - index, takeLines);
      index += usual.count;
      start = usual.end;
      if (index === recordCount) return;
      const end = bytes.indexOf(LINE_FEED, start);
      this.takeReading(this.readInFull(bytes, start, end), bytes, start, end, baseOffset + index, takeLines);
      index += 1;
      start = end + 1;
    }
  }

  /** Hands on a batch unread, if it may and both its first and its last line are to be compared. */
  takeWhole(bytes: Buffer, { baseOffset, recordCount }: OutputBatch['batch'], takeLines: TakeLines): boolean {
    if (this.#options.maySkim !== true || !this.#isPlainAtEnds(bytes)) return false;
    takeLines(bytes, 0, bytes.length, recordCount, baseOffset);
    this.#comparedCount += recordCount;
    this.#isSkimmed = true;
    return true;
  }

  /** Takes the next lines up to one that is not usual, `countMax` at most. Answers their number and where they end. */
  takeUsual(
    bytes: Buffer,
    from: number,
    firstOffset: number,
    countMax: number,
    takeLines: TakeLines,
  ): { count: number; end: number } {
    let [runStart, runCount, start, count] = [from, 0, from, 0];
    const endRun = () => {
      if (runCount > 0) takeLines(bytes, runStart, start, runCount, firstOffset + count - runCount);
      this.#comparedCount += runCount;
      runCount = 0;
    };
    for (; count < countMax; count += 1) {
      const end = bytes.indexOf(LINE_FEED, start);
      const taken = this.#takesUsual(bytes, start, end, firstOffset + count);
      if (taken === undefined) break;
      if (taken) {
        runCount += 1;
        start = end + 1;
      } else {
        endRun();
        runStart = start = end + 1;
      }
    }
    endRun();
    return { count, end: start };
  }

  /** Reads a line by all its members. */
  readInFull(bytes: Buffer, start: number, end: number): LineReading {
    this.#readLine ??= fullReaderOf(this.#options.info.topic, this.#options.scope);
    return this.#readLine(bytes.toString('utf8', start, end));
  }

  /** Takes one line as it was read; its line feed is `bytes[end]`. */
  takeReading(
    reading: LineReading,
    bytes: Buffer,
    start: number,
    end: number,
    offset: number,
    takeLines: TakeLines,
  ): void {
    if (!this.#judge(reading, offset, () => bytes.toString('utf8', start, end))) return;
    const text = reading.kind === 'ours' ? reading.text : undefined;
    const line = text === undefined ? bytes.subarray(start, end + 1) : Buffer.from(`${text}\n`);
    takeLines(line, 0, line.length, 1, offset);
    this.#comparedCount += 1;
  }

  /** Whether a usual line is to be compared; undefined for any other line. */
  #takesUsual(bytes: Buffer, start: number, end: number, offset: number): boolean | undefined {
    const { readers } = this.#options;
    if (this.#kind === 'grouped') {
      const sourceOffset = readers.groupedOffset(bytes, start, end);
      if (sourceOffset < 0) return undefined;
      if (sourceOffset >= this.#comparedFrom && sourceOffset < Math.min(this.#comparedTo, this.#limit)) return true;
      return this.#judge({ kind: 'ours', sourceOffset }, offset, () => bytes.toString('utf8', start, end));
    }
    const reading = this.#kind === 'aggregated' ? readers.window(bytes, start, end) : undefined;
    return reading && this.#judge(reading, offset, () => bytes.toString('utf8', start, end));
  }

  /** True when the first and the last line are to be compared: then so are those in between. */
  #isPlainAtEnds(bytes: Buffer): boolean {
    if (this.#kind !== 'grouped') return false;
    const { groupedOffset } = this.#options.readers;
    const firstOffset = groupedOffset(bytes, 0, bytes.indexOf(LINE_FEED));
    const lastOffset = groupedOffset(bytes, bytes.lastIndexOf(LINE_FEED, -2) + 1, bytes.length - 1);
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
}

/** The bytes of a batch. A client's payloads are Buffers already; making one costs as much as reading a line. */
export function bytesOf({ payload }: Pick<OutputBatch['batch'], 'payload'>): Buffer {
  return Buffer.isBuffer(payload) ? payload : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
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
