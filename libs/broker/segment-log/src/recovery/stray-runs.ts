// Runs that are on the disk and no part of the state: their seal was never recorded, or their drop was.

import type { FileSystem } from '@pulses/shared-ports';
import type { LogState } from '../commit/log-state';
import type { Directories } from '../disk/data-directory';
import { corrupt } from '../disk/disk-errors';
import { runName } from '../segments/run-format';

/**
 * Removes them. @throws PulsesError JOURNAL_CORRUPT when a run of the state is missing, or there are runs and nothing else
 */
export async function removeStrayRuns(
  fileSystem: FileSystem,
  { data, runs }: Directories,
  state: LogState,
): Promise<void> {
  const found = new Set(await fileSystem.list(runs));
  if (found.size > 0 && state.lsn === 0) {
    throw corrupt(data, runs, 0, 'there are stored messages, and neither a journal nor a checkpoint');
  }
  for (const run of state.runs) {
    const name = runName(run);
    if (!found.delete(name)) throw corrupt(data, `${runs}/${name}`, 0, 'the file is missing');
  }
  for (const name of found) await fileSystem.remove(`${runs}/${name}`);
}
