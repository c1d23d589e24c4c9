// What the directory of a run says, without its messages.

import {
  blockOf,
  decodeBlock,
  decodeRunHeader,
  placesOf,
  readUpTo,
  RUN_HEADER_BYTES,
  type RunEntry,
} from '@pulses/broker-segment-log';
import type { FileHandle, FileSystem } from '@pulses/shared-ports';

/** Calls `visit` for each entry of a run that is sound. @throws the port's error */
export async function eachEntry(fileSystem: FileSystem, path: string, visit: (entry: RunEntry) => void): Promise<void> {
  const file = await fileSystem.open(path, 'read');
  try {
    const known = decodeRunHeader(await bytesAt(file, 0, RUN_HEADER_BYTES));
    if (known === undefined) return;
    for (let block = 0; block < placesOf(known.header).blocks; block += 1) {
      const { at, length } = blockOf(known.header, block);
      for (const entry of decodeBlock(await bytesAt(file, at, length), block, known.crc) ?? []) visit(entry);
    }
  } finally {
    await file.close();
  }
}

async function bytesAt(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(length);
  return bytes.subarray(0, await readUpTo(file, bytes, position));
}
