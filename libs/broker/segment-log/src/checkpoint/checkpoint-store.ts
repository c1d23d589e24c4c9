// Checkpoints on disk: two generations, each a whole file.

import type { FileSystem, Logger } from '@pulses/shared-ports';
import { corrupt, ofAnotherRelease } from '../disk/disk-errors';
import { readWhole, replaceFile } from '../disk/replaced-file';
import { decodeCheckpoint, foreignFormatOf, type Checkpoint } from './checkpoint-codec';

const NAME = /^(\d{16})\.checkpoint$/;
const GENERATIONS_KEPT = 2;

export function checkpointName(lsn: number): string {
  return `${String(lsn).padStart(16, '0')}.checkpoint`;
}

/** LSNs of the checkpoints in the directory, newest first. */
export async function listCheckpoints(fileSystem: FileSystem, directory: string): Promise<number[]> {
  const names = await fileSystem.list(directory);
  return names
    .map((name) => NAME.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((left, right) => right - left);
}

/**
 * The newest checkpoint that is valid; undefined when there is none at all.
 * @throws PulsesError CONFIG_INVALID when another release wrote one, JOURNAL_CORRUPT when there are some and none is valid
 */
export async function loadCheckpoint(
  fileSystem: FileSystem,
  directory: string,
  dataDirectory: string,
  logger: Logger,
  kindOf: (topic: string) => number,
): Promise<Checkpoint | undefined> {
  const lsns = await listCheckpoints(fileSystem, directory);
  for (const lsn of lsns) {
    const path = `${directory}/${checkpointName(lsn)}`;
    const bytes = await readWhole(fileSystem, path);
    const checkpoint = bytes === undefined ? undefined : decodeCheckpoint(bytes, kindOf);
    if (checkpoint?.state.lsn === lsn) return checkpoint;
    const format = bytes === undefined ? undefined : foreignFormatOf(bytes);
    if (format !== undefined) throw ofAnotherRelease(dataDirectory, path, format);
    logger.error({ file: path }, 'checkpoint damaged, using the one before');
  }
  const newest = lsns[0];
  if (newest === undefined) return undefined;
  throw corrupt(dataDirectory, `${directory}/${checkpointName(newest)}`, 0, 'no checkpoint is valid');
}

/**
 * Writes the checkpoint, durably, and removes all but the newest two valid ones. Resolves to the LSNs of these, newest first.
 * @param isValid whether a checkpoint of before was read and found valid
 */
export async function storeCheckpoint(
  fileSystem: FileSystem,
  directory: string,
  lsn: number,
  bytes: Uint8Array,
  isValid: (lsn: number) => boolean = () => true,
): Promise<number[]> {
  await replaceFile(fileSystem, directory, checkpointName(lsn), bytes);
  const lsns = await listCheckpoints(fileSystem, directory);
  const kept = lsns.filter((known) => known === lsn || isValid(known)).slice(0, GENERATIONS_KEPT);
  for (const old of lsns) if (!kept.includes(old)) await fileSystem.remove(`${directory}/${checkpointName(old)}`);
  return kept;
}
