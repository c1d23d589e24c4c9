// Files that stay open for readers.
//
// Guarantees: a handle is closed only when nothing uses it. Bounds: `openFilesMax` handles, and those in use.

import type { FileHandle, FileSystem } from '@pulses/shared-ports';

interface Cached {
  readonly handle: Promise<FileHandle>;
  users: number;
  isForgotten: boolean;
}

export class HandleCache {
  readonly #fileSystem: FileSystem;
  readonly #openFilesMax: number;
  /** The one used last comes last. */
  readonly #cached = new Map<string, Cached>();
  readonly #closing = new Set<Promise<void>>();

  constructor(fileSystem: FileSystem, openFilesMax: number) {
    this.#fileSystem = fileSystem;
    this.#openFilesMax = openFilesMax;
  }

  /** @throws the port's error */
  async use<T>(path: string, work: (handle: FileHandle) => Promise<T>): Promise<T> {
    const cached = this.#cached.get(path) ?? {
      handle: this.#fileSystem.open(path, 'read'),
      users: 0,
      isForgotten: false,
    };
    this.#cached.delete(path);
    this.#cached.set(path, cached);
    cached.users += 1;
    this.#evict();
    try {
      return await work(await cached.handle);
    } catch (error) {
      this.#forget(path, cached);
      throw error;
    } finally {
      cached.users -= 1;
      if (cached.isForgotten) this.#closeUnused(cached);
    }
  }

  /** The file is gone, or another one has its name. */
  drop(path: string): void {
    const cached = this.#cached.get(path);
    if (cached !== undefined) this.#forget(path, cached);
  }

  async close(): Promise<void> {
    for (const path of [...this.#cached.keys()]) this.drop(path);
    while (this.#closing.size > 0) await Promise.all(this.#closing);
  }

  #evict(): void {
    for (const [path, cached] of this.#cached) {
      if (this.#cached.size <= this.#openFilesMax) return;
      if (cached.users === 0) this.#forget(path, cached);
    }
  }

  #forget(path: string, cached: Cached): void {
    cached.isForgotten = true;
    if (this.#cached.get(path) === cached) this.#cached.delete(path);
    this.#closeUnused(cached);
  }

  #closeUnused({ handle, users }: Cached): void {
    if (users > 0) return;
    // A file that could not be opened needs no close, and nothing depends on closing a file that was only read.
    const closed: Promise<void> = handle
      .then((opened) => opened.close())
      .catch(() => undefined)
      .finally(() => this.#closing.delete(closed));
    this.#closing.add(closed);
  }
}
