// Checks the small files: the attestation and both generations of checkpoints, each of which has one CRC over all of it.

import type { FileSystem } from '@pulses/shared-ports';
import { ATTESTATION_NAME, readAttestation, type Attestation } from './attestation';
import { decodeCheckpoint, foreignVersionOf, type Checkpoint } from './checkpoint-codec';
import { checkpointName, listCheckpoints } from './checkpoint-store';
import type { FindingList } from './fsck-report';
import { readWhole } from './replaced-file';
import type { LogState } from './state';
import type { Directories } from './storage';

/** Undefined when there is none, or a damaged one. */
export async function surveyAttestation(
  fileSystem: FileSystem,
  directories: Directories,
  list: FindingList,
  onBytes: (count: number) => void,
): Promise<Attestation | 'damaged' | undefined> {
  const path = `${directories.journal}/${ATTESTATION_NAME}`;
  onBytes((await readWhole(fileSystem, path))?.length ?? 0);
  const attestation = await readAttestation(fileSystem, directories.journal);
  if (attestation === 'damaged') list.add('damage', path, 0, 'the attestation is not valid');
  return attestation;
}

export interface SurveyedCheckpoints {
  /** The newest valid one. */
  readonly checkpoint: Checkpoint | undefined;
  /** The highest LSN that one was made at, valid or not. */
  readonly highestLsn: number;
  /** Where the journal has to start, so that each valid generation can be gone on from. */
  readonly neededLsn: number;
  /** Files, valid or not. */
  readonly checkpoints: number;
}

export async function surveyCheckpoints(
  fileSystem: FileSystem,
  directories: Directories,
  list: FindingList,
  onBytes: (count: number) => void,
): Promise<SurveyedCheckpoints> {
  const lsns = await listCheckpoints(fileSystem, directories.checkpoints);
  let newest: Checkpoint | undefined;
  let neededLsn = Infinity;
  for (const lsn of lsns) {
    const path = `${directories.checkpoints}/${checkpointName(lsn)}`;
    const bytes = (await readWhole(fileSystem, path)) ?? new Uint8Array(0);
    onBytes(bytes.length);
    const checkpoint = decodeCheckpoint(bytes);
    if (checkpoint?.state.lsn !== lsn) {
      const version = foreignVersionOf(bytes);
      const what = 'the checkpoint is not valid';
      if (version === undefined) list.add('damage', path, 0, what);
      else
        list.add(
          'damage',
          path,
          8,
          `${what} here: its version is ${version}. Do not repair: start the release that wrote it`,
        );
      continue;
    }
    checkSegments(list, path, checkpoint);
    newest ??= checkpoint;
    neededLsn = Math.min(neededLsn, checkpoint.materialisedLsn + 1);
  }
  return {
    checkpoint: newest,
    highestLsn: lsns[0] ?? 0,
    neededLsn: newest === undefined ? 1 : neededLsn,
    checkpoints: lsns.length,
  };
}

/** The segments of each topic follow on each other and stay within the topic. */
function checkSegments(list: FindingList, path: string, { state, segments }: Checkpoint): void {
  for (const topic of state.topicsById.values()) {
    let next = segments.get(topic.id)?.[0]?.baseOffset ?? topic.startOffset;
    let isSound = next <= topic.startOffset && topic.startOffset <= topic.nextOffset;
    for (const { baseOffset, written } of segments.get(topic.id) ?? []) {
      isSound &&= baseOffset === next && written.nextOffset > baseOffset;
      next = written.nextOffset;
    }
    if (!isSound || next > topic.nextOffset) {
      list.add('damage', path, 0, `what the checkpoint says of topic ${topic.topic} does not fit together`);
    }
  }
}

/** A client may set any position, so one that points nowhere is worth a note only. */
export function checkPositions(list: FindingList, directories: Directories, state: LogState): void {
  for (const [group, { positions }] of state.groups) {
    for (const [topicId, byName] of positions) {
      const topic = state.topicsById.get(topicId);
      for (const [name, { offset }] of byName) {
        if (topic !== undefined && offset >= topic.startOffset && offset <= topic.nextOffset) continue;
        const where = topic === undefined ? `topic id ${topicId}, which is not there` : `topic ${topic.topic}`;
        const what = `position ${name} of group ${group} is at offset ${offset} of ${where}`;
        list.add('note', directories.data, 0, `${what}, beyond what is stored`);
      }
    }
  }
  for (const [id, { epoch }] of state.producers) {
    if (epoch > (state.retiredProducers.get(id) ?? -1)) continue;
    list.add('note', directories.data, 0, `producer ${id} goes on in epoch ${epoch}, which has retired`);
  }
}
