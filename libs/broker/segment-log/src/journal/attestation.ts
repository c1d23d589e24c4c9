// A note beside the journal: frames up to this one were durable. It makes damage to the journal's last frames
// visible that could otherwise pass for a torn end. Written on a clean stop; never wrong later, only incomplete.
//
//   attested = magic 8 bytes · lsn u64 · timestampMs u64 · crc u32 (of the bytes before)

import { crc32 } from 'node:zlib';
import { putU64, takeU64, viewOf } from '@pulses/shared-binary';
import type { FileSystem } from '@pulses/shared-ports';
import { readWhole, replaceFile } from '../disk/replaced-file';

export const ATTESTATION_NAME = 'attested';

const MAGIC = new TextEncoder().encode('PULSATT1');
const LENGTH = 28;

export interface Attestation {
  readonly lsn: number;
  /** The last time that the log's clock gave out. */
  readonly timestampMs: number;
}

/** Undefined when there is none, 'damaged' when its bytes are not what was written. */
export async function readAttestation(
  fileSystem: FileSystem,
  directory: string,
): Promise<Attestation | 'damaged' | undefined> {
  const bytes = await readWhole(fileSystem, `${directory}/${ATTESTATION_NAME}`);
  if (bytes === undefined) return undefined;
  if (bytes.length !== LENGTH || !MAGIC.every((byte, index) => bytes[index] === byte)) return 'damaged';
  const view = viewOf(bytes);
  if (view.getUint32(24, true) !== crc32(bytes.subarray(0, 24))) return 'damaged';
  return { lsn: takeU64(view, 8), timestampMs: takeU64(view, 16) };
}

export async function writeAttestation(
  fileSystem: FileSystem,
  directory: string,
  { lsn, timestampMs }: Attestation,
): Promise<void> {
  const bytes = new Uint8Array(LENGTH);
  bytes.set(MAGIC, 0);
  const view = viewOf(bytes);
  putU64(view, 8, lsn);
  putU64(view, 16, timestampMs);
  view.setUint32(24, crc32(bytes.subarray(0, 24)), true);
  await replaceFile(fileSystem, directory, ATTESTATION_NAME, bytes);
}
