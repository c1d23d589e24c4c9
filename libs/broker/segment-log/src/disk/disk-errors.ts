// What a failed call of the file system means to the log.

import { PulsesError } from '@pulses/shared-errors';

/** `code` that Node or the simulation put on the error. */
export function systemCode(error: unknown): string | undefined {
  // Not `instanceof Error`: the runtime's own errors may belong to another realm.
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The disk or quota is full: nothing is broken, and room may come back. */
export function isFull(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** The process or system has no descriptor left. */
export function isOutOfDescriptors(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'EMFILE' || code === 'ENFILE';
}

export function isMissing(error: unknown): boolean {
  return systemCode(error) === 'ENOENT';
}

export function storageFailed(what: string, cause: unknown): PulsesError {
  if (cause instanceof PulsesError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new PulsesError('STORAGE_FAILED', `${what}: ${reason}`, { cause });
}

/** What a reader is told when a file could not be read; anything but the port's errors stays what it is. */
export function readFailed(path: string, error: unknown): unknown {
  if (isOutOfDescriptors(error)) return new PulsesError('OVERLOADED', 'no file descriptor is left', { cause: error });
  return systemCode(error) === undefined ? error : storageFailed(`${path} cannot be read`, error);
}

/** Stored bytes are wrong: names the place and what to do. `directory` is the data directory. */
export function corrupt(directory: string, path: string, byteOffset: number, what: string): PulsesError {
  return new PulsesError(
    'JOURNAL_CORRUPT',
    `${path} is damaged at byte ${byteOffset}: ${what}; to save what can be saved, run: ` +
      `pulses repair --data-dir ${directory} --to ${directory}.repaired`,
  );
}

/** Another release wrote the file; nothing is wrong with it. `directory` is the data directory. */
export function ofAnotherRelease(directory: string, path: string, format: string): PulsesError {
  const what = `--data-dir: '${directory}' is not valid: ${path} has the format ${format}, which this release does not read`;
  return new PulsesError('CONFIG_INVALID', `${what}; start the release that wrote it, or restore a backup`);
}
