// Files, injected: all storage of the broker goes through this port, so that tests can simulate power cuts.
//
// Failures keep Node's `code` (ENOSPC, EDQUOT, EMFILE, EIO, ENOENT, EEXIST, …) on the thrown Error.
// Durability is POSIX's: bytes are safe after `datasync`, or once a write through resolves; a new, renamed or removed name
// after `syncDirectory` of its directory. Nothing else makes either safe.

export interface FileHandle {
  /** Writes from `bytes[0]` at `position`; resolves to the count written, which may be short. */
  write(bytes: Uint8Array, position: number): Promise<number>;
  /** Writes the buffers back to back at `position`; resolves to the total count written, which may be short. */
  writev(buffers: readonly Uint8Array[], position: number): Promise<number>;
  /** Reads into `into` from `position`; resolves to the count read: 0 at the end, may be short. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** fdatasync(2). After a rejection the state of the unsynced bytes is unknown: do not retry. */
  datasync(): Promise<void>;
  truncate(lengthBytes: number): Promise<void>;
  /** Current length in bytes. */
  size(): Promise<number>;
  close(): Promise<void>;
}

/**
 * - `read`: must exist, not writable
 * - `create`: must not exist, read and write
 * - `write`: must exist, read and write
 * - `write-through`: must exist, read and write; what a write reports as written is durable, with its length (O_DSYNC).
 *   A short `write` may hold the thread, while the disk is quick
 *
 * None follows a symbolic link in the last component (O_NOFOLLOW). New files have mode 0600.
 */
export type OpenMode = 'read' | 'create' | 'write' | 'write-through';

/** A lock that the end of the process releases. */
export interface DirectoryLock {
  release(): Promise<void>;
}

export interface FileSystem {
  open(path: string, mode: OpenMode): Promise<FileHandle>;
  /** Makes the directory (mode 0700) and its parents; fine when it exists. */
  makeDirectory(path: string): Promise<void>;
  /** Names in the directory, in no order. */
  list(path: string): Promise<string[]>;
  /** Replaces `to` when it exists; atomic. */
  rename(from: string, to: string): Promise<void>;
  /** Removes one file. */
  remove(path: string): Promise<void>;
  /** Removes an empty directory. */
  removeDirectory(path: string): Promise<void>;
  exists(path: string): Promise<boolean>;
  /** fsync(2) of a directory: makes its names durable. */
  syncDirectory(path: string): Promise<void>;
  /** Whether no other user has rights on a file or directory. True for what is neither, such as a link or a pipe. */
  isPrivate(path: string): Promise<boolean>;
  /** Takes the rights of all other users away. @throws EPERM when the file or directory is not this user's */
  makePrivate(path: string): Promise<void>;
  /** Where the system mounts files that are none (`/proc`, `/sys`, `/dev`), when the path is or would be below. */
  pseudoFileSystemOf(path: string): Promise<string | undefined>;
  /**
   * Locks the directory for this process alone.
   * @param isReader writes nothing: a directory that was never locked is not locked then either
   * @throws PulsesError DATA_DIR_LOCKED when another process holds the lock; STORAGE_FAILED when the file of the lock
   * can't be written
   */
  lockDirectory(path: string, isReader?: boolean): Promise<DirectoryLock>;
}
