// What an export has begun: which log it is of, and for each topic its incarnation and how far its files reach.
//
//   .export = a line of JSON for the log, then lines of JSON for topics; the last line of a topic holds
//
// Guarantees: a topic is noted before its first file is made, so files of a topic that was deleted and made again are
// told from those of now. A torn line is no line. Bounds: a line a topic at the start; it grows by a line for each new or
// removed topic, and one for each topic at a stop.

import type { FileHandle, FileSystem } from '@pulses/shared-ports';
import { removeIfThere, systemCode, withFile, writeAll } from './files';
import type { TopicMark } from './topic-files';

export const MANIFEST_NAME = '.export';
const TEMPORARY_NAME = '.export.tmp';
const FORMAT = 1;

type Line =
  TopicMark | { readonly topic: string; readonly removed: true } | { readonly export: number; readonly log: string };

/** Undefined when there is none. */
export interface StoredManifest {
  readonly logId: string;
  readonly marks: ReadonlyMap<string, TopicMark>;
}

/** Undefined when there is no manifest, or it says nothing that can be read. @throws the port's error */
export async function readManifest(fileSystem: FileSystem, directory: string): Promise<StoredManifest | undefined> {
  let text: string;
  try {
    text = await withFile(fileSystem, `${directory}/${MANIFEST_NAME}`, 'read', readText);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  const marks = new Map<string, TopicMark>();
  const [first, ...rest] = text.split('\n').map(parsed);
  if (first === undefined || !('export' in first) || first.export !== FORMAT) return undefined;
  for (const line of rest) {
    if (line === undefined || 'export' in line) continue;
    if ('removed' in line) marks.delete(line.topic);
    else marks.set(line.topic, line);
  }
  return { logId: first.log, marks };
}

async function readText(handle: FileHandle): Promise<string> {
  const bytes = Buffer.alloc(await handle.size());
  let length = 0;
  for (;;) {
    const read = await handle.read(bytes.subarray(length), length);
    if (read === 0) return bytes.toString('utf8', 0, length);
    length += read;
  }
}

function parsed(text: string): Line | undefined {
  try {
    return JSON.parse(text) as Line;
  } catch {
    return undefined;
  }
}

/** Adds lines to the manifest. */
export class ManifestWriter {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  #end = 0;

  private constructor(fileSystem: FileSystem, directory: string) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
  }

  /** Begins a manifest of these marks in the place of an older one. @throws the port's error */
  static async begin(
    fileSystem: FileSystem,
    directory: string,
    { logId, marks }: StoredManifest,
  ): Promise<ManifestWriter> {
    const writer = new ManifestWriter(fileSystem, directory);
    const temporary = `${directory}/${TEMPORARY_NAME}`;
    await removeIfThere(fileSystem, temporary);
    await (await fileSystem.open(temporary, 'create')).close();
    await writer.#append(temporary, [{ export: FORMAT, log: logId }, ...marks.values()]);
    await fileSystem.rename(temporary, `${directory}/${MANIFEST_NAME}`);
    return writer;
  }

  /** @throws the port's error; the lines may then be written or not */
  note(lines: readonly Line[]): Promise<void> {
    return this.#append(`${this.#directory}/${MANIFEST_NAME}`, lines);
  }

  async #append(path: string, lines: readonly Line[]): Promise<void> {
    const bytes = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    await withFile(this.#fileSystem, path, 'write', (handle) => writeAll(handle, bytes, this.#end));
    this.#end += bytes.length;
  }
}
