// Opens a data directory as a log.

import { SILENT_LOGGER, type Logger } from '@pulses/shared-ports';
import { makeDataDirectory, makeDirectories } from './disk/data-directory';
import { checkPlace, tightenRights } from './disk/directory-rights';
import { readManifest } from './disk/manifest';
import { journalOpenMode, SEGMENT_LOG_DEFAULTS, type JournalMode, type OpenSegmentLogOptions } from './options';
import { measureJournalMode } from './journal/measured-mode';
import { segmentName } from './journal/segment-header';
import { SpareSegments } from './journal/spare-segments';
import { recover } from './recovery/recovery';
import { SegmentLog } from './segment-log';

/**
 * Opens the data directory, which is made when it does not exist, and reads back what it holds.
 *
 * @throws PulsesError DATA_DIR_LOCKED, JOURNAL_CORRUPT, CONFIG_INVALID (a directory that cannot hold a log, or of another
 * release); the port's error when the directory cannot be used
 */
export async function openSegmentLog(given: OpenSegmentLogOptions): Promise<SegmentLog> {
  const { fileSystem, clock, random, logger = SILENT_LOGGER, kindOf = () => 0 } = given;
  await checkPlace(fileSystem, given.directory);
  await makeDataDirectory(fileSystem, given.directory);
  await tightenRights(fileSystem, given.directory, logger);
  const lock = await fileSystem.lockDirectory(given.directory);
  try {
    const logId = await readManifest(fileSystem, given.directory);
    const directories = await makeDirectories(fileSystem, given.directory);
    const options = { ...SEGMENT_LOG_DEFAULTS, ...given.options };
    const { segmentBytesMax, groupBytesMax, journalMode } = options;
    const recovered = await recover({ fileSystem, clock, random, logger, directories, segmentBytesMax, kindOf, logId });
    const lengthBytes = segmentBytesMax + groupBytesMax;
    const spares = await sparesOf(given, journalMode, directories.journal, lengthBytes, logger);
    const newest = `${directories.journal}/${segmentName(recovered.end.firstLsn)}`;
    const file = await fileSystem.open(newest, journalOpenMode(options));
    return new SegmentLog(given, directories, recovered, file, spares, () => lock.release());
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** Undefined when no segment is used again. */
async function sparesOf(
  { fileSystem, clock }: OpenSegmentLogOptions,
  journalMode: JournalMode,
  directory: string,
  lengthBytes: number,
  logger: Logger,
): Promise<SpareSegments | undefined> {
  const spares = new SpareSegments(fileSystem, directory, lengthBytes);
  try {
    const mode = journalMode === 'auto' ? await measureJournalMode(fileSystem, clock, directory) : journalMode;
    if (mode === 'append') {
      await spares.clear();
      return undefined;
    }
    await spares.adopt();
    if (journalMode === 'recycled') await spares.fill();
  } catch (error) {
    // Without spares it is as in the other mode.
    logger.warn({ reason: String(error) }, 'no spare segments');
  }
  return spares;
}
