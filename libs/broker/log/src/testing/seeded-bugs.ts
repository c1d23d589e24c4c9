// Bugs put in on purpose, as file systems that stand between the log and the disk: the fault suites have to see each.

import type { FileHandle, FileSystem, OpenMode } from '@pulses/shared-ports';
import type { SimFileSystem } from '@pulses/testing-sim';
import { decodeCheckpoint, encodeCheckpoint } from '../checkpoint-codec';
import { checkFrame } from '../frame';
import { decodeSegmentHeader, SEGMENT_HEADER_BYTES, seedOf } from '../journal-segment';
import type { Wrap } from './torture-lives';

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
export const acknowledgesEarly = withHandles((handle, path) => ({
  ...handle,
  datasync: async () => {
    if (!path.includes('.journal') || (await handle.size()) <= SEGMENT_HEADER_BYTES) await handle.datasync();
  },
}));

/** New names are not made durable. */
export const skipsDirectories: Wrap = (disk) => ({ ...disk, syncDirectory: () => Promise.resolve() });

/** Every thirteenth write is short, and nobody looks at the count. */
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

/** A torn line is not cut off, and what follows is written behind it. */
export const appendsAfterTornLines = withHandles((handle) => ({
  ...writing(handle, async (buffers) => await handle.writev(buffers, await handle.size())),
  truncate: () => Promise.resolve(),
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
    const frame = checkFrame(bytes, at, seedOf(header.logId));
    if (frame === undefined) return at;
    at += frame.frameLength;
  }
}

/** A checkpoint forgets the producers. */
export const losesProducers = withHandles((handle, path) =>
  writing(handle, async (buffers, position) => {
    const checkpoint = path.includes('.checkpoint') ? decodeCheckpoint(Buffer.concat(buffers)) : undefined;
    if (checkpoint === undefined) return await handle.writev(buffers, position);
    checkpoint.state.producers.clear();
    await handle.write(encodeCheckpoint(checkpoint), position);
    return lengthOf(buffers);
  }),
);
