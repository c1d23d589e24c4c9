// Checks the small files: the attestation and both generations of checkpoints, each of which has one CRC over all of it.

import {
  ATTESTATION_NAME,
  checkpointName,
  decodeCheckpoint,
  foreignFormatOf,
  listCheckpoints,
  MANIFEST,
  ofAnotherRelease,
  readAttestation,
  readManifest,
  readWhole,
  type Attestation,
  type Checkpoint,
  type Directories,
} from '@pulses/broker-segment-log';
import { isPulsesError } from '@pulses/shared-errors';
import type { FileSystem } from '@pulses/shared-ports';
import type { FindingList } from '../report';

const GENERATIONS = 2;

export interface SmallFilesOptions {
  readonly fileSystem: FileSystem;
  readonly directories: Directories;
  readonly kindOf: (topic: string) => number;
  readonly list: FindingList;
  readonly onBytes: (count: number) => void;
}

/** The log id that the manifest states; undefined when there is none, or a damaged one. @throws PulsesError CONFIG_INVALID */
export async function surveyManifest({
  fileSystem,
  directories,
  list,
  onBytes,
}: SmallFilesOptions): Promise<Uint8Array | undefined> {
  const path = `${directories.data}/${MANIFEST}`;
  onBytes((await readWhole(fileSystem, path))?.length ?? 0);
  try {
    const logId = await readManifest(fileSystem, directories.data);
    return logId === undefined ? undefined : Buffer.from(logId, 'hex');
  } catch (error) {
    if (!isPulsesError(error, 'JOURNAL_CORRUPT')) throw error;
    list.add('damage', path, 0, 'the manifest does not say which log this is');
    return undefined;
  }
}

/** Undefined when there is none. */
export async function surveyAttestation({
  fileSystem,
  directories,
  list,
  onBytes,
}: SmallFilesOptions): Promise<Attestation | 'damaged' | undefined> {
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
  /** Where the journal has to start, so that each of two valid generations can be continued from. */
  readonly neededLsn: number;
  /** Files, valid or not. */
  readonly count: number;
}

/** @throws PulsesError CONFIG_INVALID when another release wrote one; the port's error */
export async function surveyCheckpoints(options: SmallFilesOptions): Promise<SurveyedCheckpoints> {
  const { fileSystem, directories, kindOf, list, onBytes } = options;
  const lsns = await listCheckpoints(fileSystem, directories.checkpoints);
  let newest: Checkpoint | undefined;
  let neededLsn = Infinity;
  for (const [generation, lsn] of lsns.entries()) {
    const path = `${directories.checkpoints}/${checkpointName(lsn)}`;
    const bytes = (await readWhole(fileSystem, path)) ?? new Uint8Array(0);
    onBytes(bytes.length);
    const checkpoint = decodeCheckpoint(bytes, kindOf);
    const format = checkpoint === undefined ? foreignFormatOf(bytes) : undefined;
    if (format !== undefined) throw ofAnotherRelease(directories.data, path, format);
    if (checkpoint?.state.lsn !== lsn) {
      list.add('damage', path, 0, 'the checkpoint is not valid');
      continue;
    }
    // A removed one may be there again after a power cut: the journal needs to be there for two.
    if (newest === undefined || generation < GENERATIONS)
      neededLsn = Math.min(neededLsn, checkpoint.state.sealedLsn + 1);
    newest ??= checkpoint;
  }
  const first = newest === undefined ? 1 : neededLsn;
  return { checkpoint: newest, highestLsn: lsns[0] ?? 0, neededLsn: first, count: lsns.length };
}
