// The exported files of one topic: its messages as lines, a new file each 64 MiB, named by the offset of its first line.
//
// Guarantees: lines are written once, in order; a torn last line is cut off before the next one is written. After a failure
// the files are looked at again. One call at a time. Bounds: one descriptor, open during a call.
// Does not survive: a power cut, after which the end of a file may be missing or unreadable. Nothing here is synchronised.

import type { Incarnation } from '@pulses/broker-wire';
import type { FileSystem } from '@pulses/shared-ports';
import { countLines, listIn, removeIfThere, systemCode, withFile, writeAll } from './files';
import { firstOffsetOf, messageFileName, topicDirectoryName } from './topic-names';

/** How far the files of a topic reach: the offset behind the line that ends at `bytes` of the newest file. */
export interface TopicMark {
  readonly topic: string;
  readonly incarnation: Incarnation;
  /** First offset of the newest file. */
  readonly file: number;
  readonly bytes: number;
  readonly nextOffset: number;
}

export interface TopicFilesOptions {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly fileBytesMax: number;
}

export class TopicFiles {
  readonly #options: TopicFilesOptions;
  readonly #directory: string;
  #mark: TopicMark;
  /** First offsets of the files, oldest first. */
  #files: number[] = [];
  #isKnown = false;

  /** @param mark what is known of the files; for a new topic, a mark of zeros */
  constructor(options: TopicFilesOptions, mark: TopicMark) {
    this.#options = options;
    this.#mark = mark;
    this.#directory = `${options.directory}/${topicDirectoryName(mark.topic)}`;
  }

  get mark(): TopicMark {
    return this.#mark;
  }

  /** Offset of the message to write next. */
  get nextOffset(): number {
    return this.#mark.nextOffset;
  }

  /** Whether the files were looked at, and nothing failed since. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** Finds where the files end, and cuts off a torn line. The mark spares reading the newest file from its start. */
  async look(): Promise<void> {
    if (this.#isKnown) return;
    const { fileSystem } = this.#options;
    const offsets = (await listIn(fileSystem, this.#directory)).map(firstOffsetOf);
    this.#files = offsets.filter((offset) => offset !== undefined).sort((left, right) => left - right);
    const newest = this.#files.at(-1);
    if (newest === undefined) this.#mark = { ...this.#mark, file: 0, bytes: 0, nextOffset: 0 };
    else await this.#lookInto(newest);
    this.#isKnown = true;
  }

  async #lookInto(file: number): Promise<void> {
    const { file: markedFile, bytes: markedBytes, nextOffset: markedOffset } = this.#mark;
    await withFile(this.#options.fileSystem, this.#pathOf(file), 'write', async (handle) => {
      const length = await handle.size();
      const isMarked = file === markedFile && markedBytes <= length;
      const { lines, end } = await countLines(handle, isMarked ? markedBytes : 0);
      if (end < length) await handle.truncate(end);
      this.#mark = { ...this.#mark, file, bytes: end, nextOffset: (isMarked ? markedOffset : file) + lines };
    });
  }

  /** Appends messages, each with its line feed, from `offset` on. @throws the port's error; `isKnown` is then false */
  async append(offset: number, recordCount: number, lines: Uint8Array): Promise<void> {
    const { fileSystem, fileBytesMax } = this.#options;
    const { bytes, nextOffset } = this.#mark;
    const isFull = bytes > 0 && bytes + lines.length > fileBytesMax;
    this.#isKnown = false;
    if (this.#files.length === 0 || isFull || offset !== nextOffset) await this.#begin(offset);
    const { file, bytes: position } = this.#mark;
    await withFile(fileSystem, this.#pathOf(file), 'write', (handle) => writeAll(handle, lines, position));
    this.#mark = { ...this.#mark, bytes: position + lines.length, nextOffset: offset + recordCount };
    this.#isKnown = true;
  }

  /** True when `trim` would remove a file. */
  canTrim(startOffset: number): boolean {
    const [oldest, next = this.#mark.nextOffset] = this.#files;
    return oldest !== undefined && oldest < next && next <= startOffset;
  }

  /** Removes the files of which no message is kept. @throws the port's error */
  async trim(startOffset: number): Promise<void> {
    while (this.canTrim(startOffset)) {
      await removeIfThere(this.#options.fileSystem, this.#pathOf(this.#files[0]!)); // there is one
      this.#files.shift();
    }
  }

  /** Removes the files and their directory. Other files stay. @throws the port's error */
  async remove(): Promise<void> {
    this.#isKnown = false;
    await removeTopicDirectory(this.#options.fileSystem, this.#directory);
  }

  async #begin(offset: number): Promise<void> {
    const { fileSystem } = this.#options;
    if (this.#files.length === 0) await fileSystem.makeDirectory(this.#directory);
    await (await fileSystem.open(this.#pathOf(offset), 'create')).close();
    this.#files.push(offset);
    this.#mark = { ...this.#mark, file: offset, bytes: 0, nextOffset: offset };
  }

  #pathOf(file: number): string {
    return `${this.#directory}/${messageFileName(file)}`;
  }
}

/** Removes a topic's directory with its files; with others in it, it stays. @throws the port's error */
export async function removeTopicDirectory(fileSystem: FileSystem, directory: string): Promise<void> {
  for (const name of await listIn(fileSystem, directory)) {
    if (firstOffsetOf(name) !== undefined) await removeIfThere(fileSystem, `${directory}/${name}`);
  }
  try {
    await fileSystem.removeDirectory(directory);
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY'].includes(systemCode(error) ?? '')) throw error;
  }
}
