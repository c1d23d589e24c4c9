// Names in the data directory.

import type { FileSystem } from '@pulses/shared-ports';
import { isMissing } from './disk-errors';

export const MANIFEST = 'manifest';
export const JOURNAL = 'journal';
export const RUNS = 'runs';
export const CHECKPOINTS = 'checkpoints';
/** Lines for people, written beside the log. */
export const TOPICS = 'topics';

/** Names in a directory; none when there is no such directory. @throws the port's error */
export async function listIn(fileSystem: FileSystem, directory: string): Promise<string[]> {
  try {
    return await fileSystem.list(directory);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
