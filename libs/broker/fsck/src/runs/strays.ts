// What lies in a data directory and belongs to nothing, and positions that point nowhere.

import {
  ATTESTATION_NAME,
  firstLsnOf,
  MANIFEST,
  NO_ROW,
  runName,
  TEMPORARY_SUFFIX,
  type Directories,
  type LogState,
} from '@pulses/broker-segment-log';
import type { FileSystem } from '@pulses/shared-ports';
import type { FindingList } from '../report';

const CHECKPOINT = /^\d{16}\.checkpoint$/;
const RUN = /^\d{16}\.\d+\.run$/;
const SPARE = /^\d+\.spare$/;
const LOCK = /^broker\.lock/;
/** `topics` are readable lines, which nothing rests on. */
const PARTS = [MANIFEST, 'journal', 'runs', 'checkpoints', 'topics'];

/** Notes each name that no part of the log gives, and each run that is no part of the state. */
export async function findStrays(
  fileSystem: FileSystem,
  directories: Directories,
  state: LogState,
  list: FindingList,
): Promise<void> {
  const runs = new Set(state.runs.map(runName));
  const look = async (directory: string, isKnown: (name: string) => boolean): Promise<void> => {
    for (const name of await fileSystem.list(directory)) {
      if (isKnown(name)) continue;
      const isRemoved = name.endsWith(TEMPORARY_SUFFIX) || RUN.test(name);
      const what = isRemoved ? 'left by an interrupted write; a start removes it' : 'belongs to nothing that is stored';
      list.add('note', `${directory}/${name}`, 0, what);
    }
  };
  await look(directories.data, (name) => PARTS.includes(name) || LOCK.test(name));
  const isOfJournal = (name: string): boolean => firstLsnOf(name) !== undefined || name === ATTESTATION_NAME;
  await look(directories.journal, (name) => isOfJournal(name) || SPARE.test(name));
  await look(directories.runs, (name) => runs.has(name));
  await look(directories.checkpoints, (name) => CHECKPOINT.test(name));
}

/** A client may set any position, so one that points nowhere is worth a note only. */
export function checkPositions(list: FindingList, directory: string, { topics, groups }: LogState): void {
  for (const [group, { positions }] of groups) {
    for (const [topicId, byName] of positions) {
      const row = topics.rowOf(topicId);
      for (const [name, { offset }] of byName) {
        if (row !== NO_ROW && offset >= topics.startOffset(row) && offset <= topics.nextOffset(row)) continue;
        const where = row === NO_ROW ? `topic id ${topicId}, which is not there` : `topic ${topics.nameOf(row)}`;
        const what = `position ${name} of group ${group} is at offset ${offset} of ${where}`;
        list.add('note', directory, 0, `${what}, beyond what is stored`);
      }
    }
  }
}
