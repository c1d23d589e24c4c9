// Bugs put in on purpose, as file systems that stand between the log and the disk: the fault suites have to see each.

import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { viewOf } from '@pulses/shared-binary';
import type { FileHandle, FileSystem, OpenMode } from '@pulses/shared-ports';
import type { SimFileSystem } from '@pulses/testing-sim';
import { decodeCheckpoint, encodeCheckpoint } from '../checkpoint/checkpoint-codec';
import { checkFrame, sealFrame } from '../journal/frame';
import { decodeSegmentHeader, SEGMENT_HEADER_BYTES } from '../journal/segment-header';
import { blockOf, blockSeed, decodeRunHeader, placesOf } from '../segments/run-format';
import type { Wrap } from './torture-lives';
import { kindOf } from './torture-model';

type WrapHandle = (handle: FileHandle, path: string, mode: OpenMode, disk: SimFileSystem) => FileHandle;

const withHandles =
  (wrapHandle: WrapHandle): Wrap =>
  (disk): FileSystem => ({
    ...disk,
    open: async (path, mode) => wrapHandle(await disk.open(path, mode), path, mode, disk),
  });

const lengthOf = (buffers: readonly Uint8Array[]): number => buffers.reduce((sum, { length }) => sum + length, 0);

/** Both ways to write, by one function. */
function writing(handle: FileHandle, writev: FileHandle['writev']): FileHandle {
  return { ...handle, writev, write: (bytes, position) => writev([bytes], position) };
}

/** Messages are acknowledged before their frames are synchronised; headers of segments are. */
export const acknowledgesEarly: Wrap = (disk) =>
  withHandles((handle, path) => ({
    ...handle,
    datasync: async () => {
      if (!path.includes('.journal') || (await handle.size()) <= SEGMENT_HEADER_BYTES) await handle.datasync();
    },
  }))({
    ...disk,
    open: (path, mode) => disk.open(path, mode === 'write-through' && path.endsWith('.journal') ? 'write' : mode),
  });

/** New names are not made durable. */
export const skipsDirectories: Wrap = (disk) => ({ ...disk, syncDirectory: () => Promise.resolve() });

/** Every thirteenth write is short, and the count is ignored. */
export const ignoresShortWrites: Wrap = (disk) => {
  let count = 0;
  return withHandles((handle) =>
    writing(handle, async (buffers, position) => {
      count += 1;
      const bytes = Buffer.concat(buffers);
      await handle.write(count % 13 === 0 ? bytes.subarray(0, bytes.length >> 1) : bytes, position);
      return bytes.length;
    }),
  )(disk);
};

/** The oldest segment goes as soon as a run has its name: the seal is not recorded, and no checkpoint knows it. */
export const retiresEarly: Wrap = (disk) => ({
  ...disk,
  rename: async (from, to) => {
    await disk.rename(from, to);
    if (!to.endsWith('.run')) return;
    const journal = `${dirname(dirname(to))}/journal`;
    const [oldest, next] = (await disk.list(journal)).filter((name) => name.endsWith('.journal')).sort();
    if (oldest !== undefined && next !== undefined) await disk.remove(`${journal}/${oldest}`);
  },
});

/** Runs are not synchronised. */
export const skipsRuns = withHandles((handle, path) => ({
  ...handle,
  datasync: () => (path.includes('/runs/') ? Promise.resolve() : handle.datasync()),
}));

/** A journal ends at its first bad frame, whatever follows. */
export const truncatesAtBadFrames = withHandles((handle, path, mode, disk) => {
  if (mode !== 'read' || !path.endsWith('.journal')) return handle;
  const end = validEnd(disk.bytesOf(path));
  return {
    ...handle,
    size: () => Promise.resolve(end),
    read: (into, position) => handle.read(into.subarray(0, Math.max(0, end - position)), position),
  };
});

function validEnd(bytes: Uint8Array): number {
  const header = decodeSegmentHeader(bytes);
  if (header === undefined) return bytes.length;
  let at = SEGMENT_HEADER_BYTES;
  for (;;) {
    const frame = checkFrame(bytes, at, header.seed);
    if (frame === undefined) return at;
    at += frame.frameLength;
  }
}

/** A checkpoint forgets the producers. */
export const losesProducers = withHandles((handle, path) =>
  writing(handle, async (buffers, position) => {
    const checkpoint = path.includes('.checkpoint') ? decodeCheckpoint(Buffer.concat(buffers), kindOf) : undefined;
    if (checkpoint === undefined) return await handle.writev(buffers, position);
    checkpoint.state.producers.clear();
    await handle.write(encodeCheckpoint(checkpoint), position);
    return lengthOf(buffers);
  }),
);

/** Frames count as written when the call is made. */
export const acknowledgesUnwritten = withHandles((handle, path) => {
  if (!path.includes('.journal')) return handle;
  let written: Promise<unknown> = Promise.resolve();
  return writing(handle, (buffers, position) => {
    const bytes = Buffer.concat(buffers);
    written = written.then(() => handle.write(bytes, position)).catch(() => undefined);
    return Promise.resolve(bytes.length);
  });
});

/** A new segment takes the file of the one that was left just now, and no spare one. */
export const reusesEarly: Wrap = (disk) => ({
  ...disk,
  rename: async (from, to) => {
    const journal = dirname(to);
    const isReuse = from.endsWith('.spare') && to.endsWith('.journal');
    const names = isReuse ? (await disk.list(journal)).filter((name) => name.endsWith('.journal')).sort() : [];
    const left = names.at(-1);
    await disk.rename(left === undefined ? from : `${journal}/${left}`, to);
  },
});

/** A frame counts whatever its LSN, and whatever frame it follows on. */
export const acceptsStaleFrames = withHandles((handle, path, mode, disk) => {
  if (mode !== 'read' || !path.endsWith('.journal')) return handle;
  return { ...handle, read: readingFrom(() => followed(Buffer.from(disk.bytesOf(path)))) };
});

/** The bytes with each frame as the one that follows on the frame before it. */
function followed(bytes: Buffer): Buffer {
  const header = decodeSegmentHeader(bytes);
  if (header === undefined) return bytes;
  let [at, lsn, previousCrc] = [SEGMENT_HEADER_BYTES, header.firstLsn, header.previousCrc];
  for (;;) {
    const frame = checkFrame(bytes, at, header.seed);
    if (frame === undefined) return bytes;
    previousCrc = sealFrame(bytes, viewOf(bytes), at, { ...frame, lsn, previousCrc }, header.seed);
    lsn += 1;
    at += frame.frameLength;
  }
}

/** Directories of runs are not checked. */
export const trustsDirectories = withHandles((handle, path, mode, disk) => {
  if (mode !== 'read' || !path.endsWith('.run')) return handle;
  return { ...handle, read: readingFrom(() => withDirectoryCrcs(Buffer.from(disk.bytesOf(path)))) };
});

function withDirectoryCrcs(bytes: Buffer): Buffer {
  const decoded = decodeRunHeader(bytes);
  if (decoded === undefined) return bytes;
  const { header, crc } = decoded;
  const { blocks, indexAt, length } = placesOf(header);
  for (let block = 0; block < blocks; block += 1) {
    const { at, length: blockLength } = blockOf(header, block);
    const end = at + blockLength - 4;
    bytes.writeUInt32LE(crc32(bytes.subarray(at, end), blockSeed(crc, block)), end);
  }
  bytes.writeUInt32LE(crc32(bytes.subarray(indexAt, length - 4), crc), length - 4);
  return bytes;
}

/** Reads what the file would be. */
function readingFrom(bytesNow: () => Uint8Array): FileHandle['read'] {
  return (into, position) => {
    const bytes = bytesNow().subarray(position, position + into.length);
    into.set(bytes);
    return Promise.resolve(bytes.length);
  };
}
