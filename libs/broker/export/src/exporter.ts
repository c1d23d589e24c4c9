// Writes topics as readable lines, and continues where an earlier export has ended.
//
//   directory/
//     .export                         what was begun: export-manifest.ts
//     source.pulses/
//       0000000000000000.ndjson       messages as lines, by the offset of the first one
//
// Guarantees: a line is a message, byte for byte, each once and in order. Files of a topic that was deleted and made again
// are never mixed with those of before. A failure leaves files that the next pass continues.
// Bounds: one piece of the source and one descriptor at a time; a row for each topic.
// Does not survive: a power cut; no promise rests on these files.

import { logIdOf, type RecordBatch } from '@pulses/broker-wire';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import type { FileSystem } from '@pulses/shared-ports';
import { MANIFEST_NAME, ManifestWriter, readManifest, type StoredManifest } from './export-manifest';
import type { ExportSource, ExportTopic } from './export-source';
import { listIn } from './files';
import { removeTopicDirectory, TopicFiles, type TopicFilesOptions } from './topic-files';
import { topicDirectoryName } from './topic-names';

export interface ExporterOptions {
  readonly fileSystem: FileSystem;
  readonly source: ExportSource;
  readonly directory: string;
  /**
   * True to keep what the log keeps: files go when their topic is deleted, or retention has removed all of their messages.
   * False to remove nothing.
   */
  readonly isMirror: boolean;
  /** A file is left for a new one before it gets longer. */
  readonly fileBytesMax?: number;
  /** Told of a topic that cannot be read, which is then left out of the pass. Without it, `pass` throws. */
  readonly onUnreadable?: (topic: string, error: PulsesError) => void;
}

export interface PassLimits {
  /** The pass ends once it has written as many. */
  readonly bytesMax?: number;
  /** Ends the pass early, between two writes. */
  readonly signal?: AbortSignal;
}

/** `complete`: all that the source held when the pass began is in the files. */
export type PassOutcome = 'complete' | 'partial';

/** Of this exporter; what an earlier one has written does not count. */
export interface ExportTotals {
  readonly topics: number;
  readonly messages: number;
  readonly bytes: number;
}

const FILE_BYTES_MAX = 64 * 1024 * 1024;
/** After this many bytes a topic's mark is noted: what a start after a kill reads of its newest file, at most. */
const MARK_BYTES = 4 * 1024 * 1024;

export class Exporter {
  readonly #options: ExporterOptions;
  readonly #filesOptions: TopicFilesOptions;
  readonly #topics = new Map<string, TopicFiles>();
  /** Lengths at which marks were noted, for topics that have grown. */
  readonly #grown = new Map<TopicFiles, number>();
  readonly #written = new Set<TopicFiles>();
  #manifest: ManifestWriter | undefined;
  #logId = '';
  #messages = 0;
  #bytes = 0;
  /** The topic at which the last pass ended. */
  #lastTopic = '';

  private constructor(options: ExporterOptions) {
    this.#options = options;
    const { fileSystem, directory, fileBytesMax = FILE_BYTES_MAX } = options;
    this.#filesOptions = { fileSystem, directory, fileBytesMax };
  }

  /**
   * Takes over what an earlier export has written.
   * @throws PulsesError CONFIG_INVALID when the directory holds something else and is no mirror; the port's error
   */
  static async open(options: ExporterOptions): Promise<Exporter> {
    const { fileSystem, directory, isMirror } = options;
    const exporter = new Exporter(options);
    await fileSystem.makeDirectory(directory);
    const stored = await readManifest(fileSystem, directory);
    const names = await listIn(fileSystem, directory);
    const foreign = names.find((name) => !name.startsWith(MANIFEST_NAME) && name !== 'lost+found');
    if (stored === undefined && foreign !== undefined && !isMirror) {
      throw invalid(
        directory,
        `it holds other files ('${foreign}'); allowed: a new directory, or one of an earlier export`,
      );
    }
    if (stored !== undefined) await exporter.#takeOver(stored);
    if (isMirror) await exporter.#removeStrays(names);
    return exporter;
  }

  get totals(): ExportTotals {
    return { topics: this.#written.size, messages: this.#messages, bytes: this.#bytes };
  }

  /** Brings the files up to what the source holds. @throws PulsesError of the source; the port's error */
  async pass({ bytesMax = Infinity, signal }: PassLimits = {}): Promise<PassOutcome> {
    const seen = new Set<string>();
    const due: ExportTopic[] = [];
    for await (const topics of this.#options.source.topics()) {
      for (const info of topics) {
        seen.add(info.topic);
        if (this.#isDue(info)) due.push(info);
      }
    }
    await this.#removeDeleted(seen);
    const untilBytes = this.#bytes + bytesMax;
    let isComplete = true;
    for (const info of this.#inTurn(due)) {
      if (signal?.aborted === true || this.#bytes >= untilBytes) return 'partial';
      this.#lastTopic = info.topic;
      isComplete = (await this.#bringUp(info, untilBytes, signal)) && isComplete;
    }
    return isComplete ? 'complete' : 'partial';
  }

  /** Notes how far the files reach. Do not call while a pass is under way. @throws the port's error */
  async close(): Promise<void> {
    await this.#manifest?.note([...this.#grown.keys()].map(({ mark }) => mark));
    this.#grown.clear();
  }

  async #takeOver({ logId, marks }: StoredManifest): Promise<void> {
    const { fileSystem, directory } = this.#options;
    this.#logId = logId;
    for (const [topic, mark] of marks) this.#topics.set(topic, new TopicFiles(this.#filesOptions, mark));
    this.#manifest = await ManifestWriter.begin(fileSystem, directory, { logId, marks });
  }

  /** Directories that the manifest does not know. */
  async #removeStrays(names: readonly string[]): Promise<void> {
    const { fileSystem, directory } = this.#options;
    const known = new Set([...this.#topics.keys()].map(topicDirectoryName));
    for (const name of names) {
      if (!name.startsWith('.') && !known.has(name)) await removeTopicDirectory(fileSystem, `${directory}/${name}`);
    }
  }

  #isDue({ topic, incarnation, startOffset, nextOffset }: ExportTopic): boolean {
    const files = this.#topics.get(topic);
    if (files === undefined) return nextOffset > startOffset;
    if (!files.isKnown || files.mark.incarnation !== incarnation || files.nextOffset !== nextOffset) return true;
    return this.#options.isMirror && files.canTrim(startOffset);
  }

  /** From the topic after the last one on, so that a limit of bytes leaves none out for ever. */
  #inTurn(due: readonly ExportTopic[]): ExportTopic[] {
    const from = due.findIndex(({ topic }) => topic > this.#lastTopic);
    return from <= 0 ? [...due] : [...due.slice(from), ...due.slice(0, from)];
  }

  async #removeDeleted(seen: ReadonlySet<string>): Promise<void> {
    if (!this.#options.isMirror) return;
    for (const [topic, files] of this.#topics) if (!seen.has(topic)) await this.#remove(files);
  }

  async #remove(files: TopicFiles): Promise<void> {
    const { topic } = files.mark;
    await files.remove();
    await this.#manifest?.note([{ topic, removed: true }]);
    this.#topics.delete(topic);
    this.#grown.delete(files);
  }

  /** True when the topic is in the files as far as `info` says. */
  async #bringUp(info: ExportTopic, untilBytes: number, signal: AbortSignal | undefined): Promise<boolean> {
    let files = await this.#filesOf(info);
    await files.look();
    // The log was restored from a backup of before: the files hold what it has lost.
    if (files.nextOffset > info.nextOffset) files = await this.#replace(files, info);
    if (this.#options.isMirror) await files.trim(info.startOffset);
    const fromOffset = Math.max(files.nextOffset, info.startOffset);
    try {
      for await (const batches of this.#options.source.read(info, fromOffset, info.nextOffset)) {
        await this.#append(files, batches);
        if (signal?.aborted === true || this.#bytes >= untilBytes) break;
      }
    } catch (error) {
      if (!isPulsesError(error)) throw error;
      // Deleted or trimmed meanwhile: the next pass sees that.
      if (error.code === 'TOPIC_UNKNOWN' || error.code === 'OFFSET_OUT_OF_RANGE') return false;
      if (this.#options.onUnreadable === undefined) throw error;
      this.#options.onUnreadable(info.topic, error);
      return false;
    }
    return Math.max(files.nextOffset, info.startOffset) >= info.nextOffset;
  }

  async #append(files: TopicFiles, batches: readonly RecordBatch[]): Promise<void> {
    const [first] = batches;
    if (first === undefined) return;
    const recordCount = batches.reduce((sum, batch) => sum + batch.recordCount, 0);
    const lines = batches.length === 1 ? first.payload : Buffer.concat(batches.map(({ payload }) => payload));
    if (!this.#grown.has(files)) this.#grown.set(files, files.mark.bytes);
    await files.append(first.baseOffset, recordCount, lines);
    this.#written.add(files);
    this.#messages += recordCount;
    this.#bytes += lines.length;
    const { mark } = files;
    if (Math.abs(mark.bytes - this.#grown.get(files)!) < MARK_BYTES) return; // set above
    await this.#manifest?.note([mark]);
    this.#grown.set(files, mark.bytes);
  }

  async #filesOf(info: ExportTopic): Promise<TopicFiles> {
    const { topic, incarnation } = info;
    const known = this.#topics.get(topic);
    if (known?.mark.incarnation === incarnation) return known;
    if (known === undefined) return await this.#begin(info);
    return await this.#replace(known, info);
  }

  async #replace(files: TopicFiles, info: ExportTopic): Promise<TopicFiles> {
    const { isMirror, directory } = this.#options;
    if (!isMirror) {
      this.#checkLog(logIdOf(info.incarnation));
      const what = `it holds messages of a topic ${info.topic} that is not there any more, and another one has its name`;
      throw invalid(directory, `${what}; allowed: another directory`);
    }
    await this.#remove(files);
    return await this.#begin(info);
  }

  async #begin({ topic, incarnation }: ExportTopic): Promise<TopicFiles> {
    const logId = logIdOf(incarnation);
    const { fileSystem, directory } = this.#options;
    this.#checkLog(logId);
    if (this.#manifest === undefined || this.#logId !== logId) {
      const marks = new Map([...this.#topics].map(([name, { mark }]) => [name, mark]));
      this.#manifest = await ManifestWriter.begin(fileSystem, directory, { logId, marks });
      this.#logId = logId;
    }
    const files = new TopicFiles(this.#filesOptions, { topic, incarnation, file: 0, bytes: 0, nextOffset: 0 });
    await this.#manifest.note([files.mark]);
    this.#topics.set(topic, files);
    return files;
  }

  /** @throws PulsesError CONFIG_INVALID */
  #checkLog(logId: string): void {
    if (this.#logId === '' || this.#logId === logId || this.#options.isMirror) return;
    throw invalid(this.#options.directory, 'it holds messages of another log; allowed: a new directory');
  }
}

function invalid(directory: string, why: string): PulsesError {
  return new PulsesError('CONFIG_INVALID', `--to: '${directory}' is not valid: ${why}`);
}
