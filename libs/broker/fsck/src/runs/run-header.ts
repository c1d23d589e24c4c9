// The header of a run, also when its bytes are damaged.

import {
  decodeIndex,
  decodeRunHeader,
  encodeRunHeader,
  placesOf,
  readUpTo,
  RUN_HEADER_BYTES,
  uncheckedEntries,
  type Run,
  type RunHeader,
} from '@pulses/broker-segment-log';
import type { FileHandle } from '@pulses/shared-ports';

/** Above the index of any run, and the block before it. */
const TAIL_BYTES_MAX = 1024 * 1024;
const ENTRY_BYTES = 56;
const CRC_BYTES = 4;

export interface KnownHeader {
  readonly header: RunHeader;
  readonly crc: number;
  /** False when it was told from other parts of the file. */
  readonly isStored: boolean;
}

/**
 * What is known of a run is enough, but for three numbers: the last entry of the directory tells two of them, the length of
 * the file the third, and the checksum of the index, which starts from the header's, proves them.
 */
export async function headerOf(
  file: FileHandle,
  run: Pick<Run, 'kind' | 'firstLsn'> & { readonly lastLsn: number | undefined },
  logId: Uint8Array | undefined,
): Promise<KnownHeader | undefined> {
  const size = await file.size();
  const head = await bytesAt(file, 0, RUN_HEADER_BYTES);
  const stored = decodeRunHeader(head);
  if (stored !== undefined) {
    const { kind, firstLsn, lastLsn } = stored.header;
    const isOther = kind !== run.kind || firstLsn !== run.firstLsn || (run.lastLsn ?? lastLsn) !== lastLsn;
    if (isOther || (logId !== undefined && Buffer.compare(logId, stored.header.logId) !== 0)) return undefined;
    return { ...stored, isStored: true };
  }
  if (logId === undefined || run.lastLsn === undefined) return undefined;
  const tail = await bytesAt(file, Math.max(0, size - TAIL_BYTES_MAX), Math.min(size, TAIL_BYTES_MAX));
  for (let blocks = 1; ; blocks += 1) {
    const indexAt = tail.length - 4 * blocks - CRC_BYTES;
    const last = uncheckedEntries(tail.subarray(indexAt - ENTRY_BYTES - CRC_BYTES, indexAt))[0];
    if (indexAt < ENTRY_BYTES + CRC_BYTES || last === undefined) return undefined;
    const pieces = last.firstPiece + last.pieces;
    const payloadLength = last.payloadAt + last.length - RUN_HEADER_BYTES;
    const known = { kind: run.kind, firstLsn: run.firstLsn, lastLsn: run.lastLsn, logId, pieces, payloadLength };
    const topics = topicsOf({ ...known, topics: 0 }, blocks, size);
    if (topics === undefined) continue;
    const header = { ...known, topics };
    const { crc } = encodeRunHeader(header);
    if (decodeIndex(tail.subarray(indexAt), crc) !== undefined) return { header, crc, isStored: false };
  }
}

/** How many topics a run of this length has. */
function topicsOf(header: RunHeader, blocks: number, size: number): number | undefined {
  if (header.payloadLength < 0 || header.payloadLength > size || header.pieces > size) return undefined;
  const rest = size - placesOf(header).length - blocks * (4 + CRC_BYTES);
  const topics = rest / ENTRY_BYTES;
  if (!Number.isInteger(topics) || topics < 1) return undefined;
  return placesOf({ ...header, topics }).blocks === blocks ? topics : undefined;
}

async function bytesAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, await readUpTo(file, bytes, position));
}
