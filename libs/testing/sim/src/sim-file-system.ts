// A file system in memory with simulated power cuts and failing calls.
//
// Guarantees: durability is that of POSIX and no more (see sim-disk.ts): bytes are safe after `datasync`, names after
// `syncDirectory` of their directory. A failed datasync loses its bytes, although readers still see them. Calls resolve
// within a few turns of the microtask queue, the same ones for the same seed. After a power cut no call settles.
// Not modelled: links, modes, times, more than one process.

import { PulsesError } from '@pulses/shared-errors';
import type { FileHandle, FileSystem, OpenMode, Random } from '@pulses/shared-ports';
import {
  changeNames,
  copyTree,
  createSimDirectory,
  createSimFile,
  forgetDirty,
  syncBytes,
  syncNames,
  treeAfterPowerCut,
  truncateBytes,
  writeBytes,
  type SimDirectory,
  type SimFile,
  type SimNode,
} from './sim-disk';
import { createSimRandom } from './sim-random';

export type FileErrorCode = 'EIO' | 'ENOSPC' | 'EDQUOT' | 'EMFILE';

/** Names of the port's calls. `create` is `open` in that mode. */
export type FileCall = 'write' | 'read' | 'datasync' | 'truncate' | 'size' | 'close' | 'open' | 'create' | PathCall;

type PathCall = Exclude<keyof FileSystem, 'open' | 'isPrivate' | 'makePrivate' | 'pseudoFileSystemOf'>;

export interface FileFault {
  /** Number of the first call that fails, counting all calls from 1. */
  readonly call: number;
  /** `short` makes a write store and report a part; it does not affect other calls. */
  readonly kind: FileErrorCode | 'short';
  readonly isForEver: boolean;
  /** Calls that the fault applies to. Default: all. */
  readonly only?: readonly FileCall[];
}

export interface SimFileSystemOptions {
  readonly seed: number;
  /** The unit that a power cut keeps, drops or tears. */
  readonly pageBytes?: number;
  /** Capacity for all files together. A write beyond it is short, then fails with ENOSPC. */
  readonly capacityBytes?: number;
}

export interface SimFileSystem extends FileSystem {
  /** All calls so far, in order. */
  readonly trace: readonly FileCall[];
  readonly openHandles: number;
  /** Bytes of all files together. */
  readonly usedBytes: number;
  setCapacity(bytes: number): void;
  /** Sets the fault; undefined clears it. */
  setFault(fault: FileFault | undefined): void;
  /** Cuts the power at the call with this number: it and all later ones never settle. */
  cutPowerAt(call: number): void;
  /** Resolves at the power cut. */
  readonly powerCut: Promise<void>;
  /** The file system after a power cut now. Different seeds keep different parts of it. */
  afterPowerCut(seed: number): SimFileSystem;
  /** A copy without open or locked files, as a killed process leaves it. */
  fork(seed?: number): SimFileSystem;
  /** Paths of all files, sorted. */
  files(): string[];
  /** Bytes as a reader sees them. */
  bytesOf(path: string): Uint8Array;
  /** Replaces the bytes of a file, also on the disk: simulated damage. */
  replaceBytes(path: string, bytes: Uint8Array): void;
}

const SIM_PAGE_BYTES = 4096;

export function createSimFileSystem(options: SimFileSystemOptions): SimFileSystem {
  return fileSystemOver(createSimDirectory(), options);
}

function fileSystemOver(root: SimDirectory, options: SimFileSystemOptions): SimFileSystem {
  const { seed, pageBytes = SIM_PAGE_BYTES } = options;
  const random = createSimRandom(seed);
  const trace: FileCall[] = [];
  const locks = new Set<string>();
  let capacityBytes = options.capacityBytes ?? Infinity;
  let fault: FileFault | undefined;
  let cutAt = Infinity;
  let openHandles = 0;
  let reportPowerCut = (): void => undefined;
  const powerCut = new Promise<void>((resolve) => {
    reportPowerCut = resolve;
  });

  const faultOf = (call: FileCall): FileFault['kind'] | undefined => {
    const number = trace.length;
    if (fault === undefined || (fault.only !== undefined && !fault.only.includes(call))) return undefined;
    return number === fault.call || (fault.isForEver && number > fault.call) ? fault.kind : undefined;
  };

  /**
   * Runs a call: counts it, yields, and applies the fault. `damage` is the effect of a failing call, `begun` that of one
   * that a power cut meets on its way.
   */
  const run = async <T>(
    call: FileCall,
    work: (isShort: boolean) => T,
    damage?: () => void,
    begun?: () => void,
  ): Promise<T> => {
    await turns(random);
    trace.push(call);
    if (trace.length >= cutAt) {
      if (trace.length === cutAt) begun?.();
      reportPowerCut();
      return await new Promise<T>(() => undefined);
    }
    const kind = faultOf(call);
    if (kind === undefined || kind === 'short') return work(kind === 'short');
    if (kind === 'EIO') damage?.();
    throw systemError(kind, call);
  };

  const usedBytes = (): number => filesOf(root).reduce((sum, [, file]) => sum + file.cached.length, 0);

  const write = (file: SimFile, buffers: readonly Uint8Array[], position: number, isShort: boolean): number => {
    const bytes = Buffer.concat(buffers);
    const growth = position + bytes.length - file.cached.length;
    const room = capacityBytes === Infinity || growth <= 0 ? Infinity : Math.max(0, capacityBytes - usedBytes());
    const fits = growth <= room ? bytes.length : bytes.length - growth + room;
    if (fits <= 0 && bytes.length > 0) throw systemError('ENOSPC', 'write');
    const count = isShort ? Math.max(1, Math.floor(fits * random.fraction())) : fits;
    writeBytes(file, bytes.subarray(0, count), position, pageBytes);
    return count;
  };

  const handleOf = (file: SimFile, isWritable: boolean, isWrittenThrough = false): FileHandle => {
    let isOpen = true;
    openHandles += 1;
    const check = (writes: boolean): void => {
      if (!isOpen || (writes && !isWritable)) throw systemError('EBADF', 'use of a closed or read-only file');
    };
    const writev: FileHandle['writev'] = (buffers, position) =>
      run(
        'write',
        (isShort) => {
          check(true);
          const count = write(file, buffers, position, isShort);
          if (isWrittenThrough) syncBytes(file, pageBytes);
          return count;
        },
        () => {
          const bytes = Buffer.concat(buffers);
          writeBytes(file, bytes.subarray(0, Math.floor(bytes.length * random.fraction())), position, pageBytes);
        },
        () => {
          // The disk has begun to store it: any part may be there.
          if (isWrittenThrough && isOpen) writeBytes(file, Buffer.concat(buffers), position, pageBytes);
        },
      );
    return {
      write: (bytes, position) => writev([bytes], position),
      writev,
      read: (into, position) =>
        run('read', () => {
          check(false);
          const bytes = file.cached.subarray(position, position + into.length);
          into.set(bytes);
          return bytes.length;
        }),
      datasync: () => {
        const sync = (store: () => void) => () => {
          check(false);
          store();
        };
        return run(
          'datasync',
          sync(() => syncBytes(file, pageBytes)),
          sync(() => forgetDirty(file)),
        );
      },
      truncate: (length) =>
        run('truncate', () => {
          check(true);
          truncateBytes(file, length, pageBytes);
        }),
      size: () =>
        run('size', () => {
          check(false);
          return file.cached.length;
        }),
      close: () => {
        const end = (): void => {
          check(false);
          isOpen = false;
          openHandles -= 1;
        };
        return run('close', end, end);
      },
    };
  };

  const open = (path: string, mode: OpenMode): FileHandle => {
    const { directory, name } = placeOf(root, path);
    const node = directory.names.get(name);
    if (mode === 'create') {
      if (node !== undefined) throw systemError('EEXIST', path);
      const file = createSimFile();
      changeNames(directory, { kind: 'put', name, node: file });
      return handleOf(file, true);
    }
    if (node === undefined) throw systemError('ENOENT', path);
    if (node.kind !== 'file') throw systemError('EISDIR', path);
    return handleOf(node, mode !== 'read', mode === 'write-through');
  };

  const rename = (from: string, to: string): void => {
    const source = placeOf(root, from);
    const target = placeOf(root, to);
    const node = source.directory.names.get(source.name);
    if (node === undefined) throw systemError('ENOENT', from);
    if (source.directory === target.directory) {
      changeNames(source.directory, { kind: 'rename', from: source.name, to: target.name, node });
    } else {
      changeNames(target.directory, { kind: 'put', name: target.name, node });
      changeNames(source.directory, { kind: 'drop', name: source.name });
    }
  };

  const remove = (path: string, kind: SimNode['kind']): void => {
    const { directory, name } = placeOf(root, path);
    const node = directory.names.get(name);
    if (node === undefined) throw systemError('ENOENT', path);
    if (node.kind !== kind) throw systemError(kind === 'file' ? 'EISDIR' : 'ENOTDIR', path);
    if (node.kind === 'directory' && node.names.size > 0) throw systemError('ENOTEMPTY', path);
    changeNames(directory, { kind: 'drop', name });
  };

  const fileAt = (path: string): SimFile => {
    const node = nodeAt(root, path);
    if (node?.kind !== 'file') throw systemError('ENOENT', path);
    return node;
  };

  return {
    open: (path, mode) => run(mode === 'create' ? 'create' : 'open', () => open(path, mode)),
    makeDirectory: (path) => run('makeDirectory', () => makeDirectories(root, path)),
    list: (path) => run('list', () => [...directoryAt(root, path).names.keys()]),
    rename: (from, to) => run('rename', () => rename(from, to)),
    remove: (path) => run('remove', () => remove(path, 'file')),
    removeDirectory: (path) => run('removeDirectory', () => remove(path, 'directory')),
    exists: (path) => run('exists', () => nodeAt(root, path) !== undefined),
    syncDirectory: (path) => run('syncDirectory', () => syncNames(directoryAt(root, path))),
    // Not counted as calls: there are no rights that they could change.
    isPrivate: () => Promise.resolve(true),
    makePrivate: () => Promise.resolve(),
    pseudoFileSystemOf: () => Promise.resolve(undefined),
    lockDirectory: (path) =>
      run('lockDirectory', () => {
        directoryAt(root, path);
        if (locks.has(path)) throw new PulsesError('DATA_DIR_LOCKED', `${path} is open already`);
        locks.add(path);
        return {
          release: () => {
            locks.delete(path);
            return Promise.resolve();
          },
        };
      }),
    trace,
    get openHandles() {
      return openHandles;
    },
    get usedBytes() {
      return usedBytes();
    },
    setCapacity: (bytes) => {
      capacityBytes = bytes;
    },
    setFault: (next) => {
      fault = next;
    },
    cutPowerAt: (call) => {
      cutAt = call;
    },
    powerCut,
    afterPowerCut: (cutSeed) =>
      fileSystemOver(treeAfterPowerCut(root, createSimRandom(cutSeed), pageBytes), { ...options, seed: cutSeed }),
    fork: (forkSeed = seed) => fileSystemOver(copyTree(root), { ...options, seed: forkSeed }),
    files: () => filesOf(root).map(([path]) => path),
    bytesOf: (path) => fileAt(path).cached.slice(),
    replaceBytes: (path, bytes) => {
      const file = fileAt(path);
      file.cached = bytes.slice();
      file.stored = bytes.slice();
      forgetDirty(file);
    },
  };
}

async function turns(random: Random): Promise<void> {
  for (let left = Math.floor(random.fraction() * 3); left >= 0; left -= 1) await Promise.resolve();
}

function systemError(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

function nodeAt(root: SimDirectory, path: string): SimNode | undefined {
  let node: SimNode | undefined = root;
  for (const part of partsOf(path)) node = node?.kind === 'directory' ? node.names.get(part) : undefined;
  return node;
}

function directoryAt(root: SimDirectory, path: string): SimDirectory {
  const node = nodeAt(root, path);
  if (node === undefined) throw systemError('ENOENT', path);
  if (node.kind !== 'directory') throw systemError('ENOTDIR', path);
  return node;
}

function placeOf(root: SimDirectory, path: string): { directory: SimDirectory; name: string } {
  const parts = partsOf(path);
  const name = parts.pop();
  if (name === undefined) throw systemError('EBUSY', path);
  return { directory: directoryAt(root, parts.join('/')), name };
}

function makeDirectories(root: SimDirectory, path: string): void {
  let directory = root;
  for (const name of partsOf(path)) {
    let node = directory.names.get(name);
    if (node === undefined) {
      node = createSimDirectory();
      changeNames(directory, { kind: 'put', name, node });
    }
    if (node.kind !== 'directory') throw systemError('EEXIST', path);
    directory = node;
  }
}

function filesOf(directory: SimDirectory, path = ''): [path: string, file: SimFile][] {
  return [...directory.names]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .flatMap(([name, node]) =>
      node.kind === 'file' ? [[`${path}/${name}`, node] satisfies [string, SimFile]] : filesOf(node, `${path}/${name}`),
    );
}
