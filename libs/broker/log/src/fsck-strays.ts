// What lies in a data directory and belongs to nothing, and what topic files tell of themselves.

import type { FileSystem } from '@pulses/shared-ports';
import { ATTESTATION_NAME } from './attestation';
import type { FindingList } from './fsck-report';
import type { KnownTopic } from './fsck-state';
import { readUpTo } from './full-io';
import { firstLsnOf } from './journal-segment';
import { TEMPORARY_SUFFIX } from './replaced-file';
import type { LogState } from './state';
import type { Directories } from './storage';
import { decodeIndexHeader, INDEX_HEADER_BYTES, type IndexHeader } from './topic-index';
import { parseTopicFileName, topicDirectoryName } from './topic-names';

const CHECKPOINT = /^\d{16}\.checkpoint$/;
const LOCK = /^broker\.lock/;

/** Notes each name that no part of the log gives. Files in the directories of topics are told of by their check. */
export async function findStrays(
  fileSystem: FileSystem,
  directories: Directories,
  state: LogState,
  list: FindingList,
): Promise<void> {
  const topics = new Set([...state.topicsByName.keys()].map(topicDirectoryName));
  const look = async (directory: string, isKnown: (name: string) => boolean): Promise<void> => {
    for (const name of await fileSystem.list(directory)) {
      if (isKnown(name)) continue;
      const isTemporary = name.endsWith(TEMPORARY_SUFFIX);
      const what = isTemporary
        ? 'left by an interrupted write; a start removes it'
        : 'belongs to nothing that is stored';
      list.add('note', `${directory}/${name}`, 0, what);
    }
  };
  await look(directories.data, (name) => ['journal', 'checkpoints', 'topics'].includes(name) || LOCK.test(name));
  await look(directories.journal, (name) => firstLsnOf(name) !== undefined || name === ATTESTATION_NAME);
  await look(directories.checkpoints, (name) => CHECKPOINT.test(name));
  await look(directories.topics, (name) => topics.has(name));
}

/** By id: the topics that the headers of the indexes name. */
export async function readKnownTopics(fileSystem: FileSystem, directory: string): Promise<Map<number, KnownTopic>> {
  const known = new Map<number, KnownTopic>();
  for (const name of await fileSystem.list(directory)) {
    const seen = new Set<string>();
    /** By incarnation, whatever the state of its index. */
    const firstOffsets = new Map<string, number>();
    const files = (await fileSystem.list(`${directory}/${name}`)).sort();
    for (const file of files) {
      const parsed = parseTopicFileName(file);
      if (parsed === undefined) continue;
      const { incarnationPart, baseOffset } = parsed;
      const startOffset = firstOffsets.get(incarnationPart) ?? baseOffset;
      firstOffsets.set(incarnationPart, startOffset);
      if (parsed.kind !== 'index' || seen.has(incarnationPart)) continue;
      const header = await readIndexHeader(fileSystem, `${directory}/${name}/${file}`);
      if (header === undefined || topicDirectoryName(header.topic) !== name) continue;
      seen.add(incarnationPart);
      const { topic, incarnation } = header;
      known.set(header.topicId, { topic, incarnation, startOffset });
    }
  }
  return known;
}

async function readIndexHeader(fileSystem: FileSystem, path: string): Promise<IndexHeader | undefined> {
  const handle = await fileSystem.open(path, 'read');
  try {
    const bytes = new Uint8Array(INDEX_HEADER_BYTES);
    return decodeIndexHeader(bytes.subarray(0, await readUpTo(handle, bytes, 0)));
  } finally {
    await handle.close();
  }
}
