// The content of a disk and its page cache, and what a power cut leaves of it.
//
// Guarantees: synchronised bytes, and names in a synchronised directory, survive a power cut. Everything else may survive
// or not: each page, possibly torn; each length; and each creation, rename or removal of a name on its own.
// Not modelled: a page with a state between the synchronised one and the last; an atomic move between directories.

import type { Random } from '@pulses/shared-ports';

export interface SimFile {
  readonly kind: 'file';
  /** The page cache, which readers see. */
  cached: Uint8Array;
  /** The content of the disk. */
  stored: Uint8Array;
  /** Pages of `cached` that the next datasync stores. */
  readonly dirtyPages: Set<number>;
  /** True when the length differs from the stored one and can still be stored. */
  isLengthDirty: boolean;
}

export interface SimDirectory {
  readonly kind: 'directory';
  readonly names: Map<string, SimNode>;
  readonly storedNames: Map<string, SimNode>;
  /** Changes since the last synchronisation, in order. */
  changes: NameChange[];
}

export type SimNode = SimFile | SimDirectory;

export type NameChange =
  | { readonly kind: 'put'; readonly name: string; readonly node: SimNode }
  | { readonly kind: 'drop'; readonly name: string }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string; readonly node: SimNode };

export function createSimFile(): SimFile {
  const none = new Uint8Array(0);
  return { kind: 'file', cached: none, stored: none, dirtyPages: new Set(), isLengthDirty: false };
}

export function createSimDirectory(): SimDirectory {
  return { kind: 'directory', names: new Map(), storedNames: new Map(), changes: [] };
}

/** Makes the change visible and records it as not durable. */
export function changeNames(directory: SimDirectory, change: NameChange): void {
  applyChange(directory.names, change);
  directory.changes.push(change);
}

export function syncNames(directory: SimDirectory): void {
  for (const change of directory.changes) applyChange(directory.storedNames, change);
  directory.changes = [];
}

function applyChange(names: Map<string, SimNode>, change: NameChange): void {
  switch (change.kind) {
    case 'put':
      names.set(change.name, change.node);
      break;
    case 'drop':
      names.delete(change.name);
      break;
    case 'rename':
      if (names.get(change.from) === change.node) names.delete(change.from);
      names.set(change.to, change.node);
      break;
  }
}

export function writeBytes(file: SimFile, bytes: Uint8Array, position: number, pageBytes: number): void {
  if (bytes.length === 0) return;
  const end = position + bytes.length;
  // Whole pages between the old end and the new bytes are zero and also new.
  const from = Math.min(Math.floor(position / pageBytes), Math.ceil(file.cached.length / pageBytes));
  if (end > file.cached.length) setLength(file, end);
  file.cached.set(bytes, position);
  for (let page = from; page * pageBytes < end; page += 1) file.dirtyPages.add(page);
}

export function truncateBytes(file: SimFile, length: number, pageBytes: number): void {
  const before = file.cached.length;
  if (length === before) return;
  setLength(file, length);
  // Bytes beyond the shorter of the two lengths read as zero from now on.
  const end = Math.max(length, Math.min(before, length) + 1);
  for (let page = Math.floor(Math.min(before, length) / pageBytes); page * pageBytes < end; page += 1)
    file.dirtyPages.add(page);
  for (const page of file.dirtyPages) if (page * pageBytes >= length) file.dirtyPages.delete(page);
}

function setLength(file: SimFile, length: number): void {
  file.cached = resized(file.cached, length);
  file.isLengthDirty = true;
}

function resized(bytes: Uint8Array, length: number): Uint8Array {
  if (length <= bytes.length) return bytes.slice(0, length);
  const longer = new Uint8Array(length);
  longer.set(bytes);
  return longer;
}

export function syncBytes(file: SimFile, pageBytes: number): void {
  const length = file.isLengthDirty ? file.cached.length : file.stored.length;
  const stored = resized(file.stored, length);
  for (const page of file.dirtyPages) copyPage(file.cached, stored, page, pageBytes, pageBytes);
  file.stored = stored;
  forgetDirty(file);
}

/** A failed datasync: it marks the pages as clean, so no later datasync stores them. */
export function forgetDirty(file: SimFile): void {
  file.dirtyPages.clear();
  file.isLengthDirty = false;
}

function copyPage(from: Uint8Array, to: Uint8Array, page: number, pageBytes: number, count: number): void {
  const start = page * pageBytes;
  if (start < to.length) to.set(from.subarray(start, Math.min(start + count, from.length, to.length)), start);
}

/** A copy of the tree with its durable state. */
export function copyTree(root: SimDirectory): SimDirectory {
  const copies = new Map<SimNode, SimNode>();
  const copy = (node: SimNode): SimNode => {
    const known = copies.get(node);
    if (known !== undefined) return known;
    if (node.kind === 'file') {
      const file: SimFile = {
        ...node,
        cached: node.cached.slice(),
        stored: node.stored.slice(),
        dirtyPages: new Set(node.dirtyPages),
      };
      copies.set(node, file);
      return file;
    }
    const directory = createSimDirectory();
    copies.set(node, directory);
    for (const [name, child] of node.names) directory.names.set(name, copy(child));
    for (const [name, child] of node.storedNames) directory.storedNames.set(name, copy(child));
    directory.changes = node.changes.map((change) =>
      change.kind === 'drop' ? change : { ...change, node: copy(change.node) },
    );
    return directory;
  };
  return copy(root) as SimDirectory; // a copy has the kind of its original
}

/** How much of the unsynchronised state survives a power cut. */
type Mercy = 'none' | 'all' | 'some';

function mercyOf(random: Random): Mercy {
  const fraction = random.fraction();
  if (fraction < 0.25) return 'none';
  return fraction < 0.4 ? 'all' : 'some';
}

/** The tree after a power cut, all of it durable. */
export function treeAfterPowerCut(root: SimDirectory, random: Random, pageBytes: number): SimDirectory {
  const after = new Map<SimNode, SimNode>();
  const survive = (node: SimNode): SimNode => {
    const known = after.get(node);
    if (known !== undefined) return known;
    if (node.kind === 'file') {
      const stored = bytesAfterPowerCut(node, random, pageBytes);
      const file: SimFile = { ...createSimFile(), stored, cached: stored.slice() };
      after.set(node, file);
      return file;
    }
    const directory = createSimDirectory();
    after.set(node, directory);
    for (const [name, child] of namesAfterPowerCut(node, random)) {
      const survivor = survive(child);
      directory.names.set(name, survivor);
      directory.storedNames.set(name, survivor);
    }
    return directory;
  };
  return survive(root) as SimDirectory; // a survivor has the kind of its original
}

function namesAfterPowerCut(directory: SimDirectory, random: Random): Map<string, SimNode> {
  const names = new Map(directory.storedNames);
  const mercy = mercyOf(random);
  for (const change of directory.changes) {
    if (mercy === 'all' || (mercy === 'some' && random.fraction() < 0.5)) applyChange(names, change);
  }
  return names;
}

function bytesAfterPowerCut(file: SimFile, random: Random, pageBytes: number): Uint8Array {
  const mercy = mercyOf(random);
  if (mercy === 'none') return file.stored.slice();
  const isLengthKept = file.isLengthDirty && (mercy === 'all' || random.fraction() < 0.7);
  let length = isLengthKept ? file.cached.length : file.stored.length;
  if (isLengthKept && mercy === 'some' && length > file.stored.length && random.fraction() < 0.5) {
    length = file.stored.length + Math.floor(random.fraction() * (length - file.stored.length));
  }
  const bytes = resized(file.stored, length);
  for (const page of file.dirtyPages) {
    if (mercy === 'some' && random.fraction() < 0.5) continue;
    const isTorn = mercy === 'some' && random.fraction() < 0.3;
    copyPage(file.cached, bytes, page, pageBytes, isTorn ? Math.floor(random.fraction() * pageBytes) : pageBytes);
  }
  return bytes;
}
