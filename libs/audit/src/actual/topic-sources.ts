// One output topic, read for several sources at a time: each line goes to the source that it is of.
//
// Lines of one source mostly come in runs, so the source of the last line is tried first. A wrong line is reported
// once, with the first source that finds it wrong, even when to the others it is another source's.
//
// Bounds: one digest for each source; in a shared topic, for each source that has a line there.

import type { OutputBatch, PartitionInfo } from '@pulses/connector-api';
import { topicKindOf, type TopicKind } from '@pulses/shared-pulse-model';
import { Findings, type FindingsSummary } from '../compare/findings';
import { LineDigest, type DigestMemory } from '../compare/line-digest';
import type { ComparedLines } from '../compare/scope';
import type { WindowRange } from '../expected/line-writer';
import { bytesOf, OutputTopic, type FastReaders, type TakeLines } from './output-topic';

const LINE_FEED = 10;

/** What a topic holds of a source. It can be sent to a thread. */
export interface TopicReading {
  readonly topic: string;
  /** See LineDigest.result. */
  readonly digest: string;
  /** First source offset whose outputs it still keeps. */
  readonly comparedFrom: number;
  readonly comparedCount: number;
  /** See OutputTopic. */
  readonly isSkimmed: boolean;
  /** Lines that are wrong in themselves. */
  readonly findings: FindingsSummary;
}

/** A source that is being audited, as all topics see it. */
export interface AuditedSource {
  readonly compared: ComparedLines;
  readonly readers: FastReaders;
  onWindow(window: WindowRange): void;
  onCutWindow(window: WindowRange): void;
  add(reading: TopicReading): void;
}

export interface TopicSourcesOptions {
  readonly sources: readonly AuditedSource[];
  /** With the tenant's own topic. */
  readonly info: PartitionInfo;
  readonly maySkim: boolean;
  readonly memory: DigestMemory;
}

/** What the topic holds of one source. */
interface Part {
  readonly output: OutputTopic;
  readonly findings: Findings;
  readonly digest: LineDigest;
  readonly takeLines: TakeLines;
}

export class TopicSources {
  readonly #options: TopicSourcesOptions;
  readonly #kind: TopicKind;
  /** By number of the source; in a shared topic made when a line needs it. */
  readonly #parts: (Part | undefined)[];
  /** The source of the last line. */
  #last = 0;
  #otherLineCount = 0;

  constructor(options: TopicSourcesOptions) {
    this.#options = options;
    this.#kind = topicKindOf(options.info.topic);
    this.#parts = options.sources.map(() => undefined);
    // What it has lost of a source shows also without a line of that source.
    if (options.info.isShared !== true) for (const number of this.#parts.keys()) this.#part(number);
  }

  /** Takes a batch. Call it for each, in order. */
  take(batch: OutputBatch['batch']): void {
    if (this.#parts.length === 1) {
      const { output, takeLines } = this.#part(0);
      output.takeBatch(batch, takeLines);
      return;
    }
    const bytes = bytesOf(batch);
    const { baseOffset, recordCount } = batch;
    for (let [index, start] = [0, 0]; index < recordCount;) {
      const end = bytes.indexOf(LINE_FEED, start);
      const source = this.#sourceOf(bytes, start, end);
      if (source === undefined) {
        this.#takeUnusual(bytes, start, end, baseOffset + index);
        index += 1;
        start = end + 1;
        continue;
      }
      const { output, takeLines } = this.#part(source);
      if (index === 0 && output.takeWhole(bytes, batch, takeLines)) return;
      const usual = output.takeUsual(bytes, start, baseOffset + index, recordCount - index, takeLines);
      index += usual.count;
      start = usual.end;
    }
  }

  /** Gives each source what the topic holds of it. Answers the lines of other sources. */
  end(): number {
    const { topic } = this.#options.info;
    let otherLineCount = this.#otherLineCount;
    for (const [source, part] of this.#parts.entries()) {
      if (part === undefined) continue;
      const { comparedFrom, comparedCount, isSkimmed } = part.output;
      otherLineCount += part.output.otherLineCount;
      const reading = { topic, digest: part.digest.result(), comparedFrom, comparedCount, isSkimmed };
      this.#options.sources[source]?.add({ ...reading, findings: part.findings });
    }
    return otherLineCount;
  }

  /** The source of a usual line; undefined for any other line. */
  #sourceOf(bytes: Buffer, start: number, end: number): number | undefined {
    if (this.#isUsual(this.#last, bytes, start, end)) return this.#last;
    for (let source = 0; source < this.#parts.length; source += 1)
      if (source !== this.#last && this.#isUsual(source, bytes, start, end)) return (this.#last = source);
    return undefined;
  }

  #isUsual(source: number, bytes: Buffer, start: number, end: number): boolean {
    const { groupedOffset, window } = this.#options.sources[source]!.readers; // there is one for each number
    if (this.#kind === 'grouped') return groupedOffset(bytes, start, end) >= 0;
    return this.#kind === 'aggregated' && window(bytes, start, end) !== undefined;
  }

  #takeUnusual(bytes: Buffer, start: number, end: number, offset: number): void {
    let firstWrong = Infinity;
    for (let tried = 0; tried < this.#parts.length; tried += 1) {
      const source = (this.#last + tried) % this.#parts.length;
      const { output, takeLines } = this.#part(source);
      const reading = output.readInFull(bytes, start, end);
      if (reading.kind === 'wrong') firstWrong = Math.min(firstWrong, source);
      if (reading.kind !== 'ours') continue;
      output.takeReading(reading, bytes, start, end, offset, takeLines);
      this.#last = source;
      return;
    }
    if (firstWrong === Infinity) {
      this.#otherLineCount += 1;
      return;
    }
    const { output, takeLines } = this.#part(firstWrong);
    output.takeReading(output.readInFull(bytes, start, end), bytes, start, end, offset, takeLines);
  }

  #part(number: number): Part {
    const part = this.#parts[number];
    if (part !== undefined) return part;
    const { sources, info, maySkim, memory } = this.#options;
    const { compared, readers, onWindow, onCutWindow } = sources[number]!; // there is one for each number
    const findings = new Findings();
    const output = new OutputTopic({ readers, scope: compared, info, maySkim, findings, onWindow, onCutWindow });
    const digest = new LineDigest(memory);
    const takeLines: TakeLines = (bytes, start, end, count) => {
      digest.take(bytes, start, end, count);
    };
    return (this.#parts[number] = { output, findings, digest, takeLines });
  }
}
